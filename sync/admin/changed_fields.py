"""The fields of a record before and after, in words: for lines that have little room."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Model
from django.utils.text import Truncator, capfirst

from sync.admin.labels import Label
from sync.admin.readable import BLANK, REDACTED, readable, referred
from sync.conf import conf
from sync.history import Difference
from sync.record_numbers import type_record
from sync.registry import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A value as people read it; nothing at all is an empty text that is not blank."""

    text: str = ""
    whole: str = ""
    """All of the text, where it was cut."""
    is_redacted: bool = False
    is_blank: bool = False
    """Whether the value is an empty text, which is something else than none."""
    url: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ChangedField:
    """One field before and after; `name` is what the log calls it."""

    name: str
    title: str
    is_changed: bool
    before: Value
    after: Value


def changed_fields(
    model: type[Model] | None,
    rows: Iterable[Difference],
    named: Mapping[type_record, Label],
    *,
    length: int | None = None,
) -> list[ChangedField]:
    """Return differences in words, in their order. `named` has the labels of the records that
    `referred_records` names; a text is cut at `length` (default: `HISTORY_VALUE_LENGTH`)."""
    fields = _fields(model)
    room = conf().HISTORY_VALUE_LENGTH if length is None else length
    return [
        ChangedField(
            row.name,
            _title(fields.get(row.name), row.name),
            row.is_changed,
            _value(fields.get(row.name), row.before, named, room),
            _value(fields.get(row.name), row.after, named, room),
        )
        for row in rows
    ]


def field_titles(model: type[Model] | None, names: Iterable[str]) -> list[str]:
    """Return what fields are called that the log names."""
    fields = _fields(model)
    return [_title(fields.get(name), name) for name in names]


def referred_records(
    model: type[Model] | None, rows: Sequence[Difference]
) -> Iterator[type_record]:
    """Yield the records that the values of foreign keys stand for."""
    fields = _fields(model)
    for row in rows:
        for value in (row.before, row.after):
            field = fields.get(row.name)
            pair = None if field is None else referred(field, value)
            if pair is not None:
                yield pair


def _fields(model: type[Model] | None) -> dict[str, Any]:
    """Return a model's fields by the names of their columns, but for those that are digests."""
    if model is None:
        return {}
    registration = registry.find(model._meta.db_table)
    masked = () if registration is None else registration.redact.keys()
    return {one.attname: one for one in model._meta.concrete_fields if one.attname not in masked}


def _title(field: Any, name: str) -> str:
    return name if field is None else str(capfirst(str(field.verbose_name)))


def _value(field: Any, value: Any, named: Mapping[type_record, Label], room: int) -> Value:
    found = readable(field, value, named)
    if found.label is not None:
        return Value(found.label.short, found.label.title, url=found.label.url)
    short = Truncator(found.text).chars(room)
    return Value(
        short,
        found.text if short != found.text else "",
        is_redacted=found.kind == REDACTED,
        is_blank=found.kind == BLANK,
    )
