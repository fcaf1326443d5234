"""The fields of a model as the log's names lead to them: their titles, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model
from django.utils.text import capfirst

from sync.admin.readable import referred
from sync.history import Difference
from sync.record_numbers import type_record
from sync.registry import registry


def readable_fields(model: type[Model] | None) -> dict[str, Any]:
    """Return the fields by the names of their columns, but for those whose values are masked."""
    if model is None:
        return {}
    registration = registry.find(model._meta.db_table)
    masked = () if registration is None else registration.redact.keys()
    return {one.attname: one for one in model._meta.concrete_fields if one.attname not in masked}


def title_of(field: Any, name: str) -> str:
    """Return what people call a field; without one, what the log does."""
    return name if field is None else str(capfirst(str(field.verbose_name)))


def field_titles(model: type[Model] | None, names: Iterable[str]) -> list[str]:
    """Return what fields are called that the log names."""
    fields = readable_fields(model)
    return [title_of(fields.get(name), name) for name in names]


def referred_records(
    model: type[Model] | None, rows: Iterable[Difference]
) -> Iterator[type_record]:
    """Yield the records that foreign keys refer to, whose labels are to be looked up together."""
    fields = readable_fields(model)
    for row in rows:
        if (field := fields.get(row.name)) is not None:
            both = referred(field, row.before), referred(field, row.after)
            yield from (pair for pair in both if pair is not None)
