"""Which fields an entry shows, and on which sides, for `admin/sync/fields.html`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sync.admin.field_rows import FieldRow, field_rows
from sync.admin.labels import Label
from sync.admin.permissions import model_of
from sync.history import Difference
from sync.matching import Budget
from sync.models import REDACTED, SyncLog
from sync.record_numbers import type_record

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
