"""The history of records step by step, newest first: who made of them what, in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db.models import OuterRef, QuerySet, Subquery

from sync.history import STATES, Difference, told
from sync.models import MOVED, SyncLog
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
    entries = list(_with_preceding(log.filter(seq__in=numbers)).order_by("-seq"))
    previous = _preceding(log, entries)
    values = shown([*entries, *previous.values()])
    left = _left(log, entries)
    return [
        Step(
            entry,
            told(entry, values[before_it.pk] if before_it else {}, values[entry.pk]),
            left.get(entry.seq or 0, ""),
        )
        for entry in entries
        for before_it in (previous.get(_id_before(entry)),)
    ]


def _with_preceding(entries: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
    same = SyncLog.objects.using(entries.db).filter(
        STATES,
        table=OuterRef("table"),
        record_id=OuterRef("record_id"),
        seq__isnull=False,
        seq__lt=OuterRef("seq"),
    )
    return entries.annotate(preceding_id=Subquery(same.order_by("-seq").values("id")[:1]))


def _id_before(entry: SyncLog) -> int:
    found: int | None = entry.preceding_id  # type: ignore[attr-defined]  # annotated above
    return found or 0


def _preceding(log: QuerySet[SyncLog], entries: Sequence[SyncLog]) -> dict[int, SyncLog]:
    """Return the entries before the given ones, by id; most of them are among these."""
    known = {entry.pk: entry for entry in entries}
    missing = {_id_before(entry) for entry in entries} - known.keys() - {0}
    return known | {entry.pk: entry for entry in log.filter(pk__in=missing)}


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
