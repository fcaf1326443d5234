"""What a record points at, by the names that the log has for records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from sync import codec

Key = tuple[str, str]
"""A table and the id of one of its records."""


class Reference(NamedTuple):
    """A foreign key of a record: its field, the value, and the record that this names."""

    field: Any
    value: Any
    key: Key | None
    """None where it points at another column than the primary key, by which the log knows none."""


def reference_fields(model: type[models.Model]) -> list[Any]:
    """Return the foreign keys that a table has columns for, those to multi-table parents among
    them."""
    return [f for f in model._meta.local_concrete_fields if f.remote_field is not None]


def references(model: type[models.Model], values: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield the foreign keys of a record with these values that point anywhere."""
    for field in reference_fields(model):
        value = values.get(field.attname)
        if value is not None:
            yield Reference(field, value, _key(field, value))


def generic_references(
    model: type[models.Model], values: Mapping[str, Any], using: str
) -> Iterator[tuple[str, Key]]:
    """Yield what a record points at by content type and id, and the column that holds the id."""
    columns = {field.name: field.attname for field in model._meta.concrete_fields}
    for field in model._meta.private_fields:
        if not hasattr(field, "ct_field"):
            continue
        type_id = values.get(columns[field.ct_field])
        column = columns[field.fk_field]
        if type_id is None or values.get(column) is None:
            continue
        try:
            target = field.get_content_type(id=type_id, using=using).model_class()
        except ObjectDoesNotExist:
            continue
        if target is not None:
            table = target._meta.concrete_model._meta.db_table
            yield column, (table, str(values[column]))


def _key(field: Any, value: Any) -> Key | None:
    meta = field.remote_field.model._meta.concrete_model._meta
    if field.target_field is not meta.pk:
        return None
    return meta.db_table, codec.record_id([value], [meta.pk])
