"""What an entry changed, field by field, against the entry before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from django.db.models import Q

from sync import codec
from sync.models import MOVED, REDACTED, SyncLog, SyncLogQuerySet
from sync.shown import Redacted, shown

STATES: Final = ~Q(cause=MOVED) & ~Q(cause=REDACTED, action=SyncLog.Action.DELETE)
"""The entries that say what a record became: not those that it left an audience, and not those
that values were removed from the history of a record that was gone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One field of a record before and after a change; absent values are None, and removed ones
    `Redacted`."""

    name: str
    before: Any
    after: Any
    was_changed: bool = dataclasses.field(default=False, compare=False)
    """What is known of the change of a value that is no longer there to be compared."""

    @property
    def is_changed(self) -> bool:
        if self.is_before_redacted or self.is_after_redacted:
            return self.was_changed
        # As texts, for to Python `1`, `1.0` and `True` are equal.
        return codec.to_json(self.before) != codec.to_json(self.after)

    @property
    def is_before_redacted(self) -> bool:
        return isinstance(self.before, Redacted)

    @property
    def is_after_redacted(self) -> bool:
        return isinstance(self.after, Redacted)


def preceding(entry: SyncLog) -> SyncLog | None:
    """Return the entry of the same record before this one, published or still pending."""
    same = _of_the_record(entry).filter(STATES)
    earlier = same.order_by("-seq", "-id")
    if entry.seq is not None:
        return earlier.filter(seq__lt=entry.seq).first()
    pending = same.filter(seq__isnull=True, id__lt=entry.pk).order_by("-id").first()
    return pending or earlier.filter(seq__isnull=False).first()


def differences(entry: SyncLog) -> list[Difference]:
    """Return every field of the record before and after the entry, changed fields first."""
    is_first = entry.action == SyncLog.Action.INSERT
    previous = None if is_first else preceding(entry)
    return differences_of([entry], {} if previous is None else {entry.pk: previous})[entry.pk]


def differences_of(
    entries: Sequence[SyncLog], previous: Mapping[int, SyncLog]
) -> dict[int, list[Difference]]:
    """Return what `differences` does of each entry, by its id; `previous` has the entries before
    them. Nothing of an entry that only says that an audience was left. One query, however many
    there are, where values were removed, and else none."""
    values = shown([*entries, *{one.pk: one for one in previous.values()}.values()])
    before = {pk: values[one.pk] for pk, one in previous.items()}
    return {
        one.pk: [] if one.cause == MOVED else _told(one, before.get(one.pk, {}), values[one.pk])
        for one in entries
    }


def rows_of(
    before: Mapping[str, Any], after: Mapping[str, Any], changed: Collection[str]
) -> list[Difference]:
    """Return every field of two states of a record, those that differ first; `changed` are those
    of which that is known where a value is no longer there."""
    rows = [
        Difference(name, before.get(name), after.get(name), name in changed)
        for name in sorted(before.keys() | after.keys())
    ]
    return sorted(rows, key=lambda row: not row.is_changed)


def _told(entry: SyncLog, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    if entry.action == SyncLog.Action.INSERT:
        before = {}
    if entry.action == SyncLog.Action.DELETE:
        # A redaction of a record that is gone did not delete it once more.
        before, after = after or before, after if entry.cause == REDACTED else {}
    return rows_of(before, after, _changed_before_removal(entry, before.keys() ^ after.keys()))


def _of_the_record(entry: SyncLog) -> SyncLogQuerySet:
    return SyncLog.objects.using(entry._state.db).of_record(entry.table, entry.record_id)


def _changed_before_removal(entry: SyncLog, one_sided: Collection[str]) -> set[str]:
    if entry.cause == REDACTED:
        return set()  # it says that the values were removed, not that the record had changed
    return set(one_sided) | set(entry.changed_names or ())
