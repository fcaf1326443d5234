"""Carries a plan out: all of it in one transaction, if everything still is as it was previewed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.translation import gettext as _

from sync import codec
from sync.context import MAX_TEXT_LENGTH, context
from sync.errors import ChangedMeanwhile, RestoreError
from sync.holding import LOCK_TIMEOUT, is_lock_failure
from sync.locking import read_committed, take_write_lock
from sync.restoring.instances import restored
from sync.restoring.present import Present
from sync.restoring.steps import DELETE, INSERT, Plan, Step
from sync.restoring.validating import errors_of

MakePlan = Callable[[bool], Plan]
"""Makes the plan anew; told whether to lock the records."""

Written = Callable[[Step, Any], None]
"""Is told of each record that was written, or is to be deleted, inside the transaction."""

_ENTRY: Final = re.compile(r"(?<=^Duplicate entry )'.*' ")


class Invalid(RestoreError):
    """Validation refuses what is to be restored; `errors` has the texts by record and field."""

    def __init__(self, step: Step, errors: dict[str, tuple[str, ...]]) -> None:
        super().__init__(_("Nothing was restored: the values are not valid."))
        self.step = step
        self.errors = errors


def apply(
    make_plan: MakePlan,
    fingerprint: str,
    *,
    using: str,
    reason: str,
    actor: Any = None,
    source: str = "",
    written: Written = lambda step, instance: None,
) -> Plan:
    """Write what was previewed, recorded as the actor's change with the reason.

    One transaction: all of it or nothing. The records are locked and planned anew inside it, and
    where that gives another plan than the one with this fingerprint `ChangedMeanwhile` is raised.
    Raises `RestoreError` for whatever else keeps it from being done.
    """
    _check_reason(reason)
    seen = _unchanged(make_plan(False), fingerprint)
    try:
        with transaction.atomic(using=using):
            _hold(seen, using)
            plan = _unchanged(make_plan(True), fingerprint)
            _check_applicable(plan)
            with context(actor=actor, source=source, reason=reason):
                _write(plan, using, written)
            if connections[using].vendor == "postgresql":
                # Else it would say only at the commit, which may be the request's, what is wrong.
                connections[using].check_constraints()
    except (ProtectedError, RestrictedError) as error:
        # The plan found nothing that points at it; looked at again, it says of whom that is told.
        raise ChangedMeanwhile(_("This was changed meanwhile: look at it again.")) from error
    except IntegrityError as error:
        raise RestoreError(
            _("The database refused it, and nothing was restored: %(error)s")
            % {"error": _reason_of(error)}
        ) from error
    except OperationalError as error:
        if is_lock_failure(error):
            raise ChangedMeanwhile(_("Others are writing these records: try again.")) from error
        raise
    return plan


def _reason_of(error: Exception) -> str:
    """Return what the database says, without values, of which some may be kept out of the history:
    PostgreSQL details the whole row below its first line; MariaDB names those of a key, in a text
    behind a number."""
    texts = [text for text in error.args if isinstance(text, str)] or [str(error)]
    return _ENTRY.sub("", next(iter(texts[0].splitlines()), ""))


def _check_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= MAX_TEXT_LENGTH:
        raise RestoreError(
            _("Give a reason of 1 to %(limit)s characters.") % {"limit": MAX_TEXT_LENGTH}
        )


def _unchanged(plan: Plan, fingerprint: str) -> Plan:
    if plan.fingerprint != fingerprint:
        raise ChangedMeanwhile(_("This was changed meanwhile: look at it again."))
    return plan


def _check_applicable(plan: Plan) -> None:
    if plan.problems:
        raise RestoreError(" ".join(plan.problems))
    for step in plan.steps:
        if step.errors:
            raise Invalid(step, dict(step.errors))
    if not plan.is_applicable:
        raise RestoreError(_("There is nothing to restore."))


def _hold(plan: Plan, using: str) -> None:
    """Lock the records that are there, before anything else is read: what is read after it includes
    what those did for whom this waited."""
    read_committed(using)
    connection = connections[using]
    if not connection.features.has_select_for_update:
        take_write_lock(using)
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
    there = (step.target for step in plan.steps if step.instance is not None)
    Present(using, locks=True).load_all((one.shape, one.record_id) for one in there)


def _write(plan: Plan, using: str, written: Written) -> None:
    postponed: list[tuple[Step, Any]] = []
    for step in plan.steps:
        if step.is_idle:
            continue
        if step.action == DELETE:
            written(step, step.instance)
            # Parents are steps of their own, and what points at it has been looked for.
            step.instance.delete(using=using, keep_parents=True)
            continue
        instance = restored(step, using, {})
        _validate(step, instance)
        _save(step, instance, using)
        if step.postponed:
            postponed.append((step, instance))
        written(step, instance)
    for step, instance in postponed:
        for name in step.postponed:
            setattr(instance, name, step.values[name])
        instance.save(using=using, update_fields=_names(step, step.postponed))
    _check_outcome(plan, using)


def _validate(step: Step, instance: Any) -> None:
    errors = errors_of(step, instance)
    if errors:
        raise Invalid(step, errors)


def _save(step: Step, instance: Any, using: str) -> None:
    """Save a record, the fields that are not restored left as they are; `auto_now` fields are set,
    as by any save."""
    meta = step.model._meta
    if step.action == INSERT:
        instance.save(force_insert=True, using=using)
        _put_right(step, instance, using)
        return
    touched = {f.name for f in meta.concrete_fields if getattr(f, "auto_now", False)}
    instance.save(using=using, update_fields=sorted(touched | set(_names(step, step.values))))


def _put_right(step: Step, instance: Any, using: str) -> None:
    """Give fields their values that an insert sets itself, such as `auto_now_add`."""
    kept = {name: v for name, v in step.values.items() if name not in step.postponed}
    wrong = [name for name, v in kept.items() if not _is(step, name, getattr(instance, name), v)]
    if wrong:
        for name in wrong:
            setattr(instance, name, kept[name])
        instance.save(using=using, update_fields=_names(step, wrong))


def _names(step: Step, attnames: Iterable[str]) -> list[str]:
    """Return names of fields, by which `save` and whoever hears of it know them."""
    wanted = set(attnames)
    return [f.name for f in step.model._meta.local_concrete_fields if f.attname in wanted]


def _is(step: Step, name: str, value: Any, wanted: Any) -> bool:
    field = next(f for f in step.model._meta.local_concrete_fields if f.attname == name)
    texts = [codec.to_json(codec.encode_value(one, field)) for one in (value, wanted)]
    return texts[0] == texts[1]


def _check_outcome(plan: Plan, using: str) -> None:
    """Refuse an outcome that was not previewed: the model's own code, or a signal's, may have
    saved something else."""
    saved = [step for step in plan.steps if step.action != DELETE and not step.is_idle]
    present = Present(using)
    present.load_all((step.target.shape, step.target.record_id) for step in saved)
    for step in saved:
        held = present.held(step.target.shape, step.target.record_id)
        for field in step.ticked:
            value = getattr(held.instance, field.name, None)
            if held.instance is None or not _is(step, field.name, value, field.value):
                raise Invalid(step, {field.name: (_otherwise(),)})


def _otherwise() -> str:
    return _("Saving gives it another value: the application's own code sets it.")
