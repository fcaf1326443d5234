"""The fields of a record before and after, in words: for lines that have little room."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model
from django.utils.text import Truncator

from sync.admin.labels import Label
from sync.admin.model_fields import readable_fields, title_of
from sync.admin.readable import BLANK, REDACTED, readable
from sync.conf import conf
from sync.history import Difference
from sync.record_numbers import type_record


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
    fields = readable_fields(model)
    room = conf().HISTORY_VALUE_LENGTH if length is None else length
    return [
        ChangedField(
            row.name,
            title_of(fields.get(row.name), row.name),
            row.is_changed,
            _value(fields.get(row.name), row.before, named, room),
            _value(fields.get(row.name), row.after, named, room),
        )
        for row in rows
    ]


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
