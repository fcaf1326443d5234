"""The history of records step by step, newest first: who made of them what, in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db.models import QuerySet

from sync.history import Difference, told
from sync.models import MOVED, SyncLog
from sync.previous import previous_entries
from sync.record_numbers import newest_numbers, type_record
from sync.shown import shown


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One entry of a record's history, and what it made different."""

    entry: SyncLog
    differences: list[Difference]
    """Every field before and after, changed fields first."""
    left: str = ""
    """The audience that the record left with this entry; empty where it did not move."""

    @property
    def changed(self) -> list[Difference]:
        """The fields that the entry changed."""
        return [row for row in self.differences if row.is_changed]


def steps(
    using: str, records: Sequence[type_record], limit: int, before: int | None = None
) -> list[Step]:
    """Return the newest steps of some records, newest first, in a fixed number of queries;
    `before` is the number of the last step of the page before.

    What is not published yet is not among them. A record that leaves an audience for another is
    one step and not two.
    """
    numbers = newest_numbers(using, records, limit, before)
    if not numbers:
        return []
    log = SyncLog.objects.using(using)
    entries = list(log.filter(seq__in=numbers).order_by("-seq"))
    previous = previous_entries(entries)
    values = shown([*entries, *previous.values()])
    left = _left(log, entries)
    return [
        Step(
            entry,
            told(entry, values[before_it.pk] if before_it else {}, values[entry.pk]),
            left.get(entry.seq or 0, ""),
        )
        for entry in entries
        for before_it in (previous.get(entry.pk),)
    ]


def _left(log: QuerySet[SyncLog], entries: Sequence[SyncLog]) -> dict[int, str]:
    """Return the audiences that records left, by the numbers of the entries that they left them
    with, which are numbered next."""
    by_number = {entry.seq: entry for entry in entries if entry.seq is not None}
    moves = log.filter(cause=MOVED, seq__in=[seq - 1 for seq in by_number])
    found = {}
    for move in moves.only("seq", "table", "record_id", "audience", "transaction"):
        entry = by_number[(move.seq or 0) + 1]
        if _names(move) == _names(entry):
            found[entry.seq or 0] = move.audience
    return found


def _names(entry: SyncLog) -> tuple[object, ...]:
    return entry.transaction, entry.table, entry.record_id
