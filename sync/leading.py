"""Whether the log still leads on from where a reader is: told by the statement that reads, which
sees one state of the log, so that nothing can be removed between the reading and the asking."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db import connections


@dataclasses.dataclass(frozen=True, slots=True)
class Lead:
    """What the log must still have: every delete after `floor`, and of the entry `witness`, unless
    that has been removed, the transaction whose text ends in `tag`."""

    floor: int
    witness: int | None = None
    tag: str = ""

    def condition(self, connection: Any) -> tuple[str, list[Any]]:
        """Return the condition of a query, and its parameters; it is the same for every row."""
        kept = "%s >= COALESCE((SELECT horizon FROM sync_log_head WHERE id = 1), 0)"
        if self.witness is None:
            return kept, [self.floor]
        differs = f"{_tag_of_the_witness(connection)} <> %s"
        another = f"SELECT 1 FROM sync_log witness WHERE witness.seq = %s AND {differs}"
        return f"{kept} AND NOT EXISTS ({another})", [self.floor, self.witness, self.tag]

    def holds(self, using: str) -> bool:
        """Ask by itself: of a query without rows nobody knows why it has none."""
        connection = connections[using]
        condition, params = self.condition(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT CASE WHEN {condition} THEN 1 ELSE 0 END", params)
            (found,) = cursor.fetchone()
        return bool(found)


def _tag_of_the_witness(connection: Any) -> str:
    column = f"witness.{connection.ops.quote_name('transaction')}"
    if connection.vendor == "postgresql":
        return f"right({column}::text, 8)"
    return f"substr({column}, -8)"
