"""Fills the log of a PostgreSQL as years of changes would have: consistent, of any size.

Record `r` has `1 + r % SPAN` entries, spread over the log; the last one is its latest, and of one
record in five a delete. Everything follows from an entry's number, so that the database makes the
rows by itself, part by part.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection, transaction
from tqdm import tqdm

SPAN: Final = 19
CYCLE: Final = SPAN * (SPAN + 1) // 2
"""Entries of `SPAN` neighbouring records."""

STRIDE: Final = 7919
"""Neighbouring entries are of records so many cycles apart; a prime, so that each has its turn."""

CHUNK: Final = 250_000
BYTES_PER_ENTRY: Final = 1200
"""What an entry takes with its indexes and, while it is written, in the write-ahead log."""

SECONDS_PER_ENTRY: Final = 0.5
"""The time between two numbers; ages that retention asks for follow from it."""

AUDIENCES: Final = ["everyone", *(f"project:{number}" for number in range(40))]
"""What the reading client hears: about a third of all changes."""

_TABLES = "(ARRAY['tasks', 'projects', 'planner_entries'])[1 + mod(r, 3)]"
_AUDIENCE = "CASE WHEN mod(r, 10) < 2 THEN 'everyone' ELSE 'project:' || mod(r, 200) END"
_DATA = """
    '{"due":"2026-01-31","id":' || r || ',"notes":"' || repeat('What there is to say. ', 5)
    || '","project_id":' || mod(r, 200) || ',"status":"'
    || (ARRAY['todo', 'doing', 'done'])[1 + mod(n, 3)]
    || '","title":"record ' || r || ' as of ' || n || '"}'
"""
# Five transactions of one to five entries in every fifteen.
_TRANSACTION = """
    md5('{}' || n / 15 || '-' || (ARRAY[0,1,1,2,2,2,3,3,3,3,4,4,4,4,4])[1 + mod(n, 15)])::uuid
"""

_COLUMNS = """
    seq, "table", record_id, action, data, changed, event, audience, cause, transaction,
    actor_id, actor, source, client_id, request_id, reason, codec, recorded_at, published_at
"""

_PUBLISHED = f"""
INSERT INTO sync_log (id, {_COLUMNS})
SELECT n, n, {_TABLES}, r, action, {_DATA},
    CASE action WHEN 'update' THEN '["status","title"]' END,
    'record.' || action, {_AUDIENCE}, '', {_TRANSACTION.format("published")},
    '7', 'somebody', 'request', '', md5(n::text), '', 1, at, at
FROM (
    SELECT n, r, latest, at, CASE
        WHEN %(turn)s = 0 THEN 'insert'
        WHEN latest AND mod(r / {SPAN}, 5) = 0 THEN 'delete'
        ELSE 'update' END AS action
    FROM (
        SELECT %(before)s + i + 1 AS n,
            mod(i / %(width)s * {STRIDE}, %(cycles)s) * {SPAN} + %(turn)s + mod(i, %(width)s) AS r,
            mod(i, %(width)s) = 0 AS latest,
            now() - (%(total)s - %(before)s - i) * interval '{SECONDS_PER_ENTRY} seconds' AS at
        FROM generate_series(%(start)s::bigint, %(end)s::bigint - 1) AS i
    ) AS places
) AS entries
"""

_PENDING = f"""
INSERT INTO sync_log ({_COLUMNS})
SELECT NULL, {_TABLES}, r, 'update', {_DATA}, NULL, '', {_AUDIENCE}, '',
    {_TRANSACTION.format("%(run)s-")}, '7', 'somebody', 'request', '', md5(n::text), '', 1, now(),
    NULL
FROM (
    -- Of the five neighbouring cycles the first is of deleted records.
    SELECT n, (mod(n * {STRIDE} / 4, %(cycles)s / 5) * 5 + 1 + mod(n, 4)) * {SPAN}
        + mod(n * 31, {SPAN}) AS r
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS entries
ORDER BY n
"""

_NEWEST = f"""
INSERT INTO sync_newest (seq, entry_id, "table", record_id, audience, action)
SELECT seq, id, "table", record_id, audience, action FROM sync_log
WHERE id > %(before)s + %(start)s AND id <= %(before)s + %(end)s
    AND mod(record_id::bigint, {SPAN}) = %(turn)s
ORDER BY seq
"""

_HEAD = """
INSERT INTO sync_log_head (id, epoch, seq, horizon, transaction, published_at)
SELECT 1, 'be9c4a11', seq, 0, transaction, published_at FROM sync_log ORDER BY seq DESC LIMIT 1
"""


def fill(entries: int) -> int:
    """Replace the log by one of about so many entries, all published; return how many."""
    cycles = entries // CYCLE
    cycles -= cycles % STRIDE == 0
    total = cycles * CYCLE
    with connection.cursor() as cursor, transaction.atomic():
        # Not waiting for the disk, and indexes at the end: filling is not what is measured.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute("TRUNCATE sync_log, sync_newest, sync_log_head RESTART IDENTITY")
        indexes = [*drop_indexes(cursor, "sync_log"), *drop_indexes(cursor, "sync_newest")]
        with tqdm(total=total, desc=f"filling {total:,}", unit=" entries", leave=False) as bar:
            _insert(cursor, cycles, total, bar)
        for index in tqdm(indexes, desc="indexes", leave=False):
            cursor.execute(index)
        cursor.execute("SELECT setval(pg_get_serial_sequence('sync_log', 'id'), %s)", [total])
        cursor.execute(_HEAD)
    tidy()
    return total


def add_pending(count: int, size: int, run: int) -> None:
    """Add changes of existing records that wait for a number, in transactions of one to five."""
    first = size + run * 10_000_000
    given = {"first": first, "last": first + count - 1, "run": run, "cycles": size // CYCLE}
    with connection.cursor() as cursor:
        cursor.execute(_PENDING, given)


def tidy() -> None:
    """Do what autovacuum would have done by now, and have nothing left to write."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) sync_log, sync_newest")
        cursor.execute("CHECKPOINT")


def record_with(entries: int, number: int, size: int) -> tuple[str, str]:
    """Return table and record id of some record that has so many entries."""
    cycle = number * 6151 % (size // CYCLE)
    record = cycle * SPAN + entries - 1
    return ("tasks", "projects", "planner_entries")[record % 3], str(record)


def _insert(cursor: Any, cycles: int, total: int, bar: Any) -> None:
    before = 0
    for turn in range(SPAN):
        width = SPAN - turn
        for start in range(0, cycles * width, CHUNK):
            end = min(start + CHUNK, cycles * width)
            given = {"turn": turn, "width": width, "cycles": cycles, "total": total}
            part = given | {"before": before, "start": start, "end": end}
            cursor.execute(_PUBLISHED, part)
            cursor.execute(_NEWEST, part)
            bar.update(end - start)
        before += cycles * width


def drop_indexes(cursor: Any, table: str) -> list[str]:
    """Drop the indexes that no constraint needs, and return the statements that make them."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname"
        " NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass)",
        [table, table],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]
