"""What a change did to its fields, in a few words: for lists, which have no room for more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.utils.text import Truncator

from sync import codec
from sync.conf import conf
from sync.masking import BLANK
from sync.models import MOVED, REDACTED, SyncLog
from sync.registry import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A value as a list shows it."""

    text: str
    is_redacted: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One field; None stands for a value that there is not, or that the log has not kept."""

    name: str
    before: Value | None
    after: Value | None


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """The first fields that a change concerns, and how many others there are."""

    shown: list[Change]
    more: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Side:
    """The values of an entry, and those that were removed, or never entered the log."""

    values: Mapping[str, Any]
    redacted: frozenset[str]

    @classmethod
    def of(cls, entry: SyncLog) -> _Side:
        registration = registry.find(entry.table)
        masks = {} if registration is None else registration.redact
        values = entry.values
        blanked = {n for n, way in masks.items() if way == BLANK and values.get(n) is None}
        return cls(values, frozenset(entry.redacted_names) | blanked)


_NO_SIDE = _Side({}, frozenset())


_NOTHING = Changes([], 0)


def changes(entry: SyncLog, previous: SyncLog | None) -> Changes:
    """Return which fields an entry changed, and their values before and after.

    An insert shows what was filled in, and a delete what is gone. Costs no query.
    """
    if entry.cause == MOVED:
        return _NOTHING
    before, after = _sides(entry, previous)
    names = _names(entry, before, after)
    limit = conf().HISTORY_FIELDS
    shown = [Change(name, _shown(before, name), _shown(after, name)) for name in names[:limit]]
    return Changes(shown, max(len(names) - limit, 0))


def _sides(entry: SyncLog, previous: SyncLog | None) -> tuple[_Side, _Side]:
    before = _NO_SIDE if previous is None else _Side.of(previous)
    if entry.action != SyncLog.Action.DELETE:
        return before, _Side.of(entry)
    gone = _Side.of(entry) if entry.values else before
    return gone, _NO_SIDE


def _names(entry: SyncLog, before: _Side, after: _Side) -> list[str]:
    if entry.cause == REDACTED:
        return entry.redacted_names
    if entry.action == SyncLog.Action.UPDATE:
        return entry.changed_names or []
    side = before if entry.action == SyncLog.Action.DELETE else after
    told = side.values.keys() - _keys(entry.table)
    empty = {name for name in told - side.redacted if side.values[name] in ("", None)}
    return sorted(told - empty)


def _keys(table: str) -> frozenset[str]:
    """Return the fields that the record's id says already."""
    registration = registry.find(table)
    if registration is None:
        return frozenset()
    return frozenset(field.attname for field in registration.model._meta.pk_fields)


def _shown(side: _Side, name: str) -> Value | None:
    if name not in side.values:
        return None
    if name in side.redacted:
        return Value("", is_redacted=True)
    value = side.values[name]
    text = value if isinstance(value, str) else "–" if value is None else codec.to_json(value)
    return Value(Truncator(text).chars(conf().HISTORY_VALUE_LENGTH) if text else "“”")
