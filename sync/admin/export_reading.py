"""Reads the changes of an export, the newest first, by many short statements: an open cursor would
keep its rows, its snapshot and its connection for as long as a slow client takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from django.db import connections
from django.db.models import OuterRef, Subquery

from sync import codec
from sync.history import STATES
from sync.models import SyncLog, SyncLogQuerySet

CHUNK_ROWS: Final = 1000
"""Changes held in memory, at most."""

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Bytes of record data aimed at for a chunk: after large records fewer are read."""

FIRST_ROWS: Final = 100
"""Changes of the first chunk, before the size of the records is known."""

WINDOW: Final = 100_000
"""Numbers looked through by one statement: what bounds it where hardly a change matches."""


class Before(NamedTuple):
    """The values of a record before a change, and which of them were removed from the history."""

    values: dict[str, Any]
    redacted: Collection[str]


def chunks(entries: SyncLogQuerySet, end: int) -> Iterator[list[SyncLog]]:
    """Yield the matching entries up to a number of the log, newest first; some chunks are empty."""
    log = SyncLog.objects.using(entries.db).published()
    first = log.order_by("seq").values_list("seq", flat=True).first() or 1
    size = min(FIRST_ROWS, CHUNK_ROWS)
    while end >= first:
        floor = max(end - WINDOW, 0)
        window = entries.filter(seq__gt=floor, seq__lte=end)
        chunk = list(window.order_by("-seq")[:size])
        end = (chunk[-1].seq or 0) - 1 if len(chunk) == size else floor
        size = _next_size(chunk) if chunk else size
        yield chunk


def _next_size(chunk: list[SyncLog]) -> int:
    average = sum(len(entry.data) for entry in chunk) // len(chunk) + 1
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES // average))


def values_before(chunk: list[SyncLog]) -> dict[int, Before]:
    """Return by entry what the records of updates were before; nothing for those whose previous
    entry is gone."""
    updates = [one.pk for one in chunk if one.action == SyncLog.Action.UPDATE and one.changed]
    if not updates:
        return {}
    log = SyncLog.objects.using(chunk[0]._state.db)
    earlier = (
        log.filter(
            STATES,
            table=OuterRef("table"),
            record_id=OuterRef("record_id"),
            seq__lt=OuterRef("seq"),
        )
        .order_by("-seq")
        .values("data", "redacted")
    )
    found = log.filter(pk__in=updates).annotate(
        before=Subquery(earlier.values("data")[:1]),
        redacted_before=Subquery(earlier.values("redacted")[:1]),
    )
    rows = found.order_by().values_list("pk", "before", "redacted_before")
    return {
        pk: Before(codec.from_json(data), codec.from_json(redacted) if redacted else ())
        for pk, data, redacted in rows
        if data
    }


def let_go() -> None:
    """Give this thread's connections back, until the client has taken what was read for it. Inside
    a transaction they are somebody else's."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
