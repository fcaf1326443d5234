"""Where a transaction lies in the log: whole transactions are numbered, one behind the other."""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import connections

# Halves the numbers like `moments`, in one trip: what lies before the transaction is not of it, nor
# what lies behind. Where no entry is kept within a step, nothing is passed over by taking it.
_FIRST: Final = """
WITH RECURSIVE halving(low, step) AS (
    SELECT CAST(0 AS {bigint}), CAST({step} AS {bigint})
    UNION ALL
    SELECT low + step * COALESCE((
        SELECT CASE WHEN {transaction} <> {own} THEN 1 ELSE 0 END FROM sync_log
        WHERE seq > halving.low AND seq <= halving.low + halving.step AND seq <= {anchor}
        ORDER BY seq DESC LIMIT 1
    ), 1), step >> 1
    FROM halving WHERE step > 0
)
SELECT seq FROM sync_log WHERE seq > (SELECT low FROM halving WHERE step = 0) AND {own} IS NOT NULL
ORDER BY seq LIMIT 1
"""

_LAST: Final = """
WITH RECURSIVE halving(low, step) AS (
    SELECT CAST({anchor} AS {bigint}), CAST({step} AS {bigint})
    UNION ALL
    SELECT low + step * COALESCE((
        SELECT CASE WHEN {transaction} = {own} THEN 1 ELSE 0 END FROM sync_log
        WHERE seq > halving.low AND seq <= halving.low + halving.step
        ORDER BY seq DESC LIMIT 1
    ), 1), step >> 1
    FROM halving WHERE step > 0
)
SELECT seq FROM sync_log WHERE seq <= (SELECT low FROM halving WHERE step = 0) AND {own} IS NOT NULL
ORDER BY seq DESC LIMIT 1
"""


class Span(NamedTuple):
    """The first and the last number of a transaction that are still kept."""

    first: int
    last: int


def span_of(using: str, seq: int, end: int) -> Span | None:
    """Return where the transaction of the entry with this number lies; None where that entry is not
    kept, for then its transaction is not known.

    `end` is the number at which the log ends. About as many looks into an index as the number has
    bits, in two statements.
    """
    connection = connections[using]
    transaction = connection.ops.quote_name("transaction")
    names = {
        "bigint": "SIGNED" if connection.vendor == "mysql" else "bigint",
        "step": 1 << max(end, seq).bit_length(),
        "anchor": int(seq),
        "transaction": transaction,
        "own": f"(SELECT {transaction} FROM sync_log WHERE seq = {int(seq)})",
    }
    with connection.cursor() as cursor:
        bounds = []
        for sql in (_FIRST, _LAST):
            cursor.execute(sql.format(**names))
            found = cursor.fetchone()
            if found is None:
                return None
            bounds.append(found[0])
    return Span(*bounds)
