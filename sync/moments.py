"""Finds the place of a moment in the log without an index of times: they grow with the numbers, so
that halving a range of numbers finds it, in one trip, and as quickly in a log of any size."""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple

from django.db import connections

# Where no entry is kept within a step, nothing is passed over by taking it.
_HALVING: Final = """
WITH RECURSIVE halving(low, step) AS (
    SELECT CAST(0 AS {bigint}), CAST({first} AS {bigint})
    UNION ALL
    SELECT low + step * COALESCE((
        SELECT CASE WHEN published_at <= %s THEN 1 ELSE 0 END FROM sync_log
        WHERE seq > halving.low AND seq <= halving.low + halving.step
        ORDER BY seq DESC LIMIT 1
    ), 1), step >> 1
    FROM halving WHERE step > 0
)
SELECT seq, CASE WHEN published_at = %s THEN 1 ELSE 0 END FROM sync_log
WHERE seq <= (SELECT low FROM halving WHERE step = 0) ORDER BY seq DESC LIMIT 1
"""


class Place(NamedTuple):
    """The number of an entry, and whether it was published at the moment itself."""

    seq: int
    is_exact: bool


def newest_at(using: str, moment: datetime.datetime, last: int) -> Place | None:
    """Return the newest entry still kept that was published at a moment or before it; `last` is
    the number at which the log ends."""
    connection = connections[using]
    bigint = "SIGNED" if connection.vendor == "mysql" else "bigint"
    sql = _HALVING.format(bigint=bigint, first=1 << last.bit_length())
    at = connection.ops.adapt_datetimefield_value(moment)
    with connection.cursor() as cursor:
        cursor.execute(sql, [at, at])
        found = cursor.fetchone()
    return None if found is None else Place(found[0], bool(found[1]))
