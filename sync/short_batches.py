"""Locks the head and reads what waits for a number on one trip, where that is little.

Most batches are one change that clients wait for, and what it takes is trips to the database. Each
statement of a text sees what was committed before it begins, so what waits is read when the lock is
held, as by a statement on a trip of its own (manual, "Read Committed Isolation Level").
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
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

_decode: Final = msgspec.json.Decoder(list[tuple[int, str, str, str, str]]).decode

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
        cursor.execute(f"{_LOCK}; {_WAITING}", [most + 1, most])
        row = cursor.fetchone()
        cursor.nextset()
        rows = cursor.fetchall()
    if row is None:  # a database that was flushed this moment
        return Locked(lock_head(using))
    locked = LogHead.from_db(using, _HEAD, row)
    if len(rows) > most:
        return Locked(locked)
    waiting = [Pending(*row[:-1]) for row in rows]
    holders: list[Row] = [
        (row[1], row[2], *held) for row in rows for held in _decode(row[-1] or "[]")
    ]
    return Locked(locked, Batch(in_order(waiting), is_all=True), holders)


def _of(name: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f'{name}."{column}"' for column in columns)


_LOCK: Final = f"SELECT {_of('head', _HEAD)} FROM sync_log_head AS head WHERE id = 1 FOR UPDATE"

_COLUMNS: Final = ("id", *READ[1:])

_WAITING: Final = f"""
WITH waiting AS MATERIALIZED (
  SELECT {_of("few", _COLUMNS)}, count(*) OVER () AS number,
    row_number() OVER (PARTITION BY few."table", few.record_id ORDER BY few.id) = 1 AS is_first
  FROM (SELECT * FROM sync_log WHERE seq IS NULL ORDER BY id LIMIT %s) AS few
)
SELECT {_of("waiting", _COLUMNS)}, held.entries FROM waiting
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array({_of("entry", HELD)}) ORDER BY newest.seq)::text AS entries
  FROM sync_newest AS newest
  CROSS JOIN LATERAL (SELECT * FROM sync_log WHERE id = newest.entry_id OFFSET 0) AS entry
  WHERE waiting.is_first AND waiting.number <= %s
    AND newest."table" = waiting."table" AND newest.record_id = waiting.record_id
) AS held
ORDER BY waiting.id
"""
"""The entries that precede come once for a record, and not at all where more than a few wait. The
offset keeps the planner to a look into an index for each, as in `sync.holders`."""
