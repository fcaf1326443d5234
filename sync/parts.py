"""The rows that one record of a multi-table model is made of, each of which has a history."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from sync import codec
from sync.log_state import newest_entries
from sync.record_numbers import type_record
from sync.registry import registry


def parts(model: type[Model], record_id: str, using: str) -> dict[type_record, type[Model]]:
    """Return the record itself and the rows of its multi-table parents that are registered, with
    the models of their tables.

    Where the key of a parent is not that of the child, the log says it: also of a record that is
    gone. One query for each such parent.
    """
    found: dict[type_record, type[Model]] = {(model._meta.db_table, record_id): model}
    for parent, link in _parents(model):
        theirs = _parent_id(model, record_id, link, using)
        if theirs is not None:
            found |= parts(parent, theirs, using)
    return {record: one for record, one in found.items() if one is model or one in registry}


def _parents(model: type[Model]) -> list[tuple[type[Model], Any]]:
    """Return the parents whose keys the model's own table holds, and the columns that do."""
    links = model._meta.parents.items()
    return [
        (parent, link)
        for parent, link in links
        if link is not None and link in model._meta.local_fields
    ]


def _parent_id(model: type[Model], record_id: str, link: Any, using: str) -> str | None:
    if link.primary_key:
        return record_id
    table = model._meta.db_table
    entry = newest_entries(table, [record_id], using).get(record_id)
    value = None if entry is None else entry.values.get(link.attname)
    try:
        return None if value is None else key_text(link.target_field, value)
    except ValidationError:
        return None


def key_text(field: Any, value: Any) -> str:
    """Return the record id of a key of one column, given its value as an entry has it."""
    return codec.record_id([field.to_python(value)], [field])
