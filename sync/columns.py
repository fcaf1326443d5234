"""The columns of a table, by the names that hosts call them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from sync.errors import RedactionError, RegistrationError


def attname(model: type[models.Model], name: str) -> str:
    """Return the attribute name of a column, given that or the name of its field; raises
    `RegistrationError` for anything that is no column of the model's own table."""
    local: Collection[Any] = model._meta.local_concrete_fields
    field: Any
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        field = next((f for f in local if f.attname == name), None)
    if field not in local:
        raise RegistrationError(
            f"{model._meta.label} has no column for {name!r}. Fields of a multi-table parent are"
            " registered with the parent, many-to-many fields with their through model."
        )
    return str(field.attname)


def primary_key(model: type[models.Model], pk: Any) -> tuple[Any, ...]:
    """Return a primary key as a tuple of the columns' values.

    Takes values, their texts, and for a composite key the JSON text that names the record in the
    log. Raises `RedactionError` for anything that cannot be a key of the model.
    """
    fields: Collection[Any] = model._meta.pk_fields
    try:
        if len(fields) > 1 and isinstance(pk, str):
            pk = msgspec.json.decode(pk)
        given = tuple(pk) if len(fields) > 1 else (pk,)
        key = tuple(field.to_python(v) for field, v in zip(fields, given, strict=True))
    except (ValidationError, msgspec.DecodeError, TypeError, ValueError):
        key = ()
    if not key or None in key:
        raise RedactionError(
            f"{pk!r} is no primary key of {model._meta.label}. Name a record that is gone, or was"
            " never saved, by its model and its key."
        )
    return key
