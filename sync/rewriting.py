"""Takes values out of entries of the log that were written long ago, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import connections

from sync import codec
from sync.models import SyncLog, SyncLogQuerySet

BATCH: Final = 500
"""Entries held in memory while the history of one record is rewritten."""

_REWRITE: Final = "UPDATE sync_log SET data = %s, redacted = %s WHERE id = %s"

Rewritten = tuple[str, str, int]


def history_of(using: str, table: str, record_id: str) -> SyncLogQuerySet:
    """Return every entry of a record, for whatever audience, published or not."""
    return SyncLog.objects.using(using).of_record(table, record_id)


def batches(using: str, table: str, record_id: str) -> Iterator[list[SyncLog]]:
    """Yield every entry of a record, published ones by the index of their positions.

    Only under the head's lock, or entries that are published meanwhile could be passed over.
    """
    history = history_of(using, table, record_id).only("id", "seq", "data", "redacted")
    for entries, key in ((history.published(), "seq"), (history.pending(), "id")):
        last = 0
        while batch := list(entries.filter(**{f"{key}__gt": last}).order_by(key)[:BATCH]):
            last = getattr(batch[-1], key)
            yield batch


def without(entry: SyncLog, names: frozenset[str]) -> tuple[frozenset[str], Rewritten | None]:
    """Return which of the fields the entry has, and what it becomes without their values; None
    where they are gone already."""
    if not entry.data:
        return frozenset(), None
    data, held = codec.blanked(entry.data, names)
    former = entry.redacted_names
    if held.issubset(former):
        return held, None
    return held, (data, codec.to_json(sorted(held.union(former))), entry.pk)


def store(using: str, rewritten: Iterable[Rewritten]) -> int:
    """Put rewritten entries in the place of the old ones; returns how many there were."""
    rows = list(rewritten)
    if rows:
        with connections[using].cursor() as cursor:
            cursor.executemany(_REWRITE, rows)
    return len(rows)
