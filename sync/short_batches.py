"""Locks the head and reads what waits for a number on one trip, where that is little.

Most batches are one change that clients wait for, and what it takes is trips to the database. Each
statement of a text sees what was committed before it begins, so what waits is read when the lock is
held, as by a statement on a trip of its own (manual, "Read Committed Isolation Level").
"""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import connections

from sync import short_trips
from sync.batches import READ, Batch, Pending, in_order
from sync.locking import lock_head
from sync.models import LogHead
from sync.spool import Row
from sync.supersession import HELD

FEW: Final = 32
"""Entries that are read as text and with what precedes them: of more the driver would have most of
the work, which has less with a format that no text of several statements can ask for."""

_HEAD: Final = ("id", "epoch", "seq", "horizon", "transaction", "published_at")


class Locked(NamedTuple):
    """The head, which is locked, and what waits, with the newest entries of its records as
    `holders.latest_entries` gives them; None for both where they are left to be read."""

    head: LogHead
    batch: Batch | None = None
    holders: list[Row] | None = None


def lock_and_read(using: str, size: int) -> Locked:
    """Lock the head until the open transaction ends, and read a batch that is no larger than `size`
    if it costs no trip more."""
    connection = connections[using]
    if not short_trips.is_under_way(connection):
        return Locked(lock_head(using))
    most = min(FEW, size)
    with connection.cursor() as cursor:
        cursor.execute(f"{_LOCK}; {_WAITING}", [most + 1])
        locked = LogHead.from_db(using, _HEAD, cursor.fetchone())
        cursor.nextset()
        rows = cursor.fetchall()
    waiting = {row[0]: Pending(*row[: len(READ)]) for row in rows}
    if len(waiting) > most:
        return Locked(locked)
    holders = [_holder(row) for row in rows if row[-1] is not None]
    return Locked(locked, Batch(in_order(list(waiting.values())), is_all=True), holders)


def _holder(row: Row) -> Row:
    _, table, record_id = row[:3]
    return table, record_id, *row[len(READ) :]


def _of(name: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f'{name}."{column}"' for column in columns)


_LOCK: Final = f"SELECT {_of('head', _HEAD)} FROM sync_log_head AS head WHERE id = 1 FOR UPDATE"

_WAITING: Final = f"""
SELECT {_of("waiting", tuple("id" if name == "pk" else name for name in READ))},
  {_of("held", HELD)}
FROM (SELECT * FROM sync_log WHERE seq IS NULL ORDER BY id LIMIT %s) AS waiting
LEFT JOIN LATERAL (
  SELECT entry.* FROM sync_newest AS newest
  CROSS JOIN LATERAL (SELECT * FROM sync_log WHERE id = newest.entry_id OFFSET 0) AS entry
  WHERE newest."table" = waiting."table" AND newest.record_id = waiting.record_id OFFSET 0
) AS held ON true
ORDER BY waiting.id, held.seq
"""
"""The offsets keep the planner to a look into an index for each, as in `sync.holders`."""
