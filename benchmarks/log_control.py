"""What PostgreSQL itself takes for rows anywhere in a table, as the table grows.

A table of as many rows as the log has entries, and nothing of the hub: rows that lie anywhere are
found by an index, removed, and written anew at the end and into that index. It is what any program
pays that replaces the newest state of something by another.
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction
from tqdm import tqdm

CHUNK: Final = 500_000
BYTES_PER_ROW: Final = 700
"""What a row takes with its indexes and, while it is written, in the write-ahead log."""

_NAMED, _ASKED = 7_368_787, 15_485_863
"""Primes, which have no factor in common with a number of rows: they spread neighbouring numbers
over the names, and over the table."""

_TABLE: Final = """
DROP TABLE IF EXISTS bench_control;
CREATE TABLE bench_control (id bigint PRIMARY KEY, name text NOT NULL, data text NOT NULL);
"""

_FILL: Final = f"""
INSERT INTO bench_control
SELECT n, mod(n * {_NAMED}, %(total)s)::text, repeat('What there is to say. ', 10)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""

# As many looks into the index as rows, whatever the planner believes.
_LOOK: Final = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

_REPLACE: Final = f"""
WITH asked AS (
  SELECT mod(n * {_ASKED}, %(total)s)::text AS name
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
), gone AS (
  DELETE FROM bench_control USING asked WHERE bench_control.name = asked.name
  RETURNING bench_control.name, bench_control.data
)
INSERT INTO bench_control SELECT %(end)s + row_number() OVER (), name, data FROM gone
"""


def fill(rows: int) -> None:
    """Make the table anew, with so many rows."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_TABLE)
        for first in tqdm(range(1, rows + 1, CHUNK), desc="control", leave=False):
            last = min(first + CHUNK - 1, rows)
            cursor.execute(_FILL, {"total": rows, "first": first, "last": last})
        cursor.execute("CREATE INDEX ON bench_control (name)")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) bench_control")
        cursor.execute("CHECKPOINT")


def replace(count: int, rows: int, run: int) -> None:
    """Replace so many rows, or all; other ones in each run where there are enough."""
    count, first = min(count, rows), run * count
    given = {"total": rows, "first": first, "last": first + count - 1, "end": rows + first}
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(_LOOK)
        cursor.execute(_REPLACE, given)
        if cursor.rowcount != count:
            raise AssertionError(f"{cursor.rowcount} of {count} rows were replaced")
