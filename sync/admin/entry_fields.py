"""Which fields an entry shows, and on which sides, for `admin/sync/fields.html`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sync.admin.field_rows import FieldRow, field_rows
from sync.admin.labels import Label
from sync.admin.permissions import model_of
from sync.history import Difference, told
from sync.matching import Budget
from sync.models import MOVED, REDACTED, SyncLog
from sync.record_numbers import type_record
from sync.shown import shown

BOTH: Final = "both"
BEFORE: Final = "before"
AFTER: Final = "after"


@dataclasses.dataclass(frozen=True, slots=True)
class EntryFields:
    """The fields of one entry."""

    changed: Sequence[FieldRow]
    unchanged: Sequence[FieldRow]
    sides: str
    """Whether there is something on both sides: what was added had nothing before."""


def differences_of(
    entries: Sequence[SyncLog], before: Mapping[int, SyncLog]
) -> dict[int, list[Difference]]:
    """Return the fields of each entry by its id; `before` has the entries before them. One query,
    however many there are, where values were redacted, and else none."""
    values = shown([*entries, *{one.pk: one for one in before.values()}.values()])
    return {
        one.pk: told(one, values[before[one.pk].pk] if one.pk in before else {}, values[one.pk])
        if one.cause != MOVED  # the record left an audience, and none of its fields did
        else []
        for one in entries
    }


def entry_fields(
    entry: SyncLog,
    found: Iterable[Difference],
    named: Mapping[type_record, Label],
    budget: Budget,
    *,
    has_previous: bool,
) -> EntryFields:
    """Return the fields of an entry as people read them, changed ones apart from the others."""
    rows = field_rows(model_of(entry.table), found, named, budget)
    sides = _sides(entry, has_previous)
    if sides == AFTER and entry.action == SyncLog.Action.UPDATE:
        changed = entry.changed_names or ()
        rows = [dataclasses.replace(row, is_changed=row.name in changed) for row in rows]
    return EntryFields(
        [row for row in rows if row.is_changed],
        [row for row in rows if not row.is_changed],
        sides,
    )


def _sides(entry: SyncLog, has_previous: bool) -> str:
    if entry.action == SyncLog.Action.DELETE:
        return BOTH if entry.cause == REDACTED else BEFORE
    return BOTH if has_previous else AFTER
