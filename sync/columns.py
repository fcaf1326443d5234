"""The columns of a table, by the names that hosts call them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models

from sync.errors import RegistrationError


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
