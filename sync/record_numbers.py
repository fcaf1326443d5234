"""The newest numbers of some records in the log, taken from the index of each: a query over all of
them at once would read every entry of a record that changes often, or pass over every other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connections

from sync.models import MOVED

type_record = tuple[str, str]
"""The table and the id that name a record in the log."""

CHUNK: Final = 250
"""Records in one statement: SQLite joins 500 at most, and takes few more parameters than this."""

_OF_ONE: Final = """
SELECT seq FROM (
    SELECT seq FROM sync_log
    WHERE {table} = %s AND record_id = %s AND seq IS NOT NULL{before} AND cause <> %s
    ORDER BY seq DESC LIMIT {limit:d}
) AS record_{index:d}
"""


def newest_numbers(
    using: str, records: Sequence[type_record], limit: int, before: int | None = None
) -> list[int]:
    """Return the numbers of the newest published entries of some records, newest first; `before`
    leaves out that number and later ones.

    An entry that only says that a record left an audience is not counted: the next entry says
    where to. What it costs grows with `records` times `limit` and not with the log.
    """
    distinct = list(dict.fromkeys(records))
    found: list[int] = []
    for start in range(0, len(distinct), CHUNK):
        found += _newest(using, distinct[start : start + CHUNK], limit, before)
    return sorted(found, reverse=True)[:limit]


def _newest(
    using: str, records: Sequence[type_record], limit: int, before: int | None
) -> list[int]:
    connection = connections[using]
    column = connection.ops.quote_name("table")
    bound = "" if before is None else " AND seq < %s"
    parts, parameters = [], list[str | int]()
    for index, record in enumerate(records):
        parts.append(_OF_ONE.format(table=column, before=bound, limit=limit, index=index))
        parameters += [*record, *(() if before is None else (before,)), MOVED]
    sql = "UNION ALL".join(parts) + f"ORDER BY seq DESC LIMIT {limit:d}"
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [seq for (seq,) in cursor.fetchall()]
