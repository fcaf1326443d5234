"""What validation says of a record that is to be restored, field by field."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ObjectDoesNotExist, ValidationError
from django.utils.translation import gettext as _

from sync.restoring.references import Key, references
from sync.restoring.steps import INSERT, RECORD, Step

Errors = dict[str, tuple[str, ...]]


def errors_of(
    step: Step,
    instance: Any,
    made: Collection[Key] = (),
    *,
    checks_keys: bool = True,
    checks_uniqueness: bool = True,
) -> Errors:
    """Validate a record as its form in the admin would, but for two things: fields that are not
    restored stay as they are, and a value that is empty may be so wherever the column allows it,
    for the record was like that.

    `made` are records that the plan makes before this one; the foreign keys to them are right.
    """
    found: dict[str, list[ValidationError]] = {}
    _collect(found, instance.clean_fields, exclude=_not_cleaned(step, instance, made, checks_keys))
    for name in _missing(step, instance):
        found[name] = [ValidationError(_("This record had no value that is known, and needs one."))]
    _collect(found, instance.clean)
    if checks_uniqueness:
        inherited = _inherited(step) | found.keys()
        _collect(found, instance.validate_unique, exclude=inherited)
        _collect(found, instance.validate_constraints, exclude=inherited)
    return {
        RECORD if name == NON_FIELD_ERRORS else name: tuple(
            dict.fromkeys(message for error in errors for message in error.messages)
        )
        for name, errors in found.items()
    }


def _collect(found: dict[str, list[ValidationError]], check: Any, **options: Any) -> None:
    try:
        check(**options)
    except ValidationError as error:
        error.update_error_dict(found)
    except ObjectDoesNotExist as error:
        # The model's own check follows a relation to what is gone.
        found.setdefault(NON_FIELD_ERRORS, []).append(ValidationError(str(error)))


def _not_cleaned(step: Step, instance: Any, made: Collection[Key], checks_keys: bool) -> set[str]:
    ticked = {one.name for one in step.ticked}
    fields = step.model._meta.fields
    excluded = {
        field.name
        for field in fields
        if field.attname not in ticked - step.postponed
        or _may_be_empty(field, getattr(instance, field.attname))
    }
    pointing = references(step.model, step.values)
    own = {step.key, *made}
    return excluded | {one.field.name for one in pointing if not checks_keys or one.key in own}


def _may_be_empty(field: Any, value: Any) -> bool:
    return value in list(field.empty_values) and (value is not None or field.null)


def _missing(step: Step, instance: Any) -> list[str]:
    """Return the fields without a value that a new row needs."""
    if step.action != INSERT:
        return []
    needed = [
        field
        for field in step.model._meta.local_concrete_fields
        if not (field.null or field.generated or field.attname in step.postponed)
        and not (getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
        and field.attname not in step.values
    ]
    return [field.name for field in needed if getattr(instance, field.attname) is None]


def _inherited(step: Step) -> set[str]:
    """Return the fields that multi-table parents hold, and are looked at in steps of their own."""
    local = {field.name for field in step.model._meta.local_fields}
    return {field.name for field in step.model._meta.fields} - local
