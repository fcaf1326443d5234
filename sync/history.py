"""What an entry changed, field by field, against the entry before it."""

from __future__ import annotations

import dataclasses
from typing import Any

from sync import codec
from sync.models import MOVED, SyncLog


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One field of a record before and after a change; absent values are None."""

    name: str
    before: Any
    after: Any

    @property
    def is_changed(self) -> bool:
        # As texts, for to Python `1`, `1.0` and `True` are equal.
        return codec.to_json(self.before) != codec.to_json(self.after)


def preceding(entry: SyncLog) -> SyncLog | None:
    """Return the entry of the same record before this one, published or still pending."""
    same = SyncLog.objects.using(entry._state.db).filter(
        table=entry.table, record_id=entry.record_id
    )
    earlier = same.exclude(cause=MOVED).order_by("-seq", "-id")
    if entry.seq is not None:
        return earlier.filter(seq__lt=entry.seq).first()
    pending = same.filter(seq__isnull=True, id__lt=entry.pk).order_by("-id").first()
    return pending or earlier.filter(seq__isnull=False).first()


def differences(entry: SyncLog) -> list[Difference]:
    """Return every field of the record before and after the entry, changed fields first."""
    before: dict[str, Any] = {}
    if entry.action != SyncLog.Action.INSERT:
        previous = preceding(entry)
        before = previous.values if previous is not None else {}
    after = entry.values
    if entry.action == SyncLog.Action.DELETE:
        before, after = after or before, {}
    rows = [Difference(n, before.get(n), after.get(n)) for n in sorted(before.keys() | after)]
    return sorted(rows, key=lambda row: not row.is_changed)
