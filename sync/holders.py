"""Reads the entries that hold the present state of some records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import msgspec
from django.db import connections

from sync import binary
from sync.models import Newest
from sync.spool import Row

_HOLDERS: Final = """
SELECT record."table", record.id, {found} FROM json_to_recordset(%s::json)
    AS record("table" text, id text)
CROSS JOIN LATERAL (
    SELECT seq AS place, entry_id FROM sync_newest
    WHERE "table" = record."table" AND record_id = record.id
    OFFSET 0
) AS newest
CROSS JOIN LATERAL (SELECT {columns} FROM sync_log WHERE id = newest.entry_id OFFSET 0) AS entry
ORDER BY newest.place
"""
"""The offsets keep the planner to one look into the index for each record, whatever it believes of
the log: statistics may be old, and the records many."""


def latest_entries(
    using: str, records: Collection[tuple[str, str]], columns: Sequence[str]
) -> Iterator[Row]:
    """Yield the latest entries of records, given by table and id, in the order of publishing: table
    and id first, then the asked columns."""
    if connections[using].vendor == "postgresql":
        yield from _in_postgresql(using, records, columns)
        return
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for table, record_id in records:
        ids[table].append(record_id)
    newest = Newest.objects.using(using).order_by("seq")
    asked = [f"entry__{name}" for name in columns]
    for table, wanted in ids.items():
        found = newest.filter(table=table, record_id__in=wanted)
        yield from found.values_list("table", "record_id", *asked)


def _in_postgresql(
    using: str, records: Collection[tuple[str, str]], columns: Sequence[str]
) -> list[Row]:
    # Neighbours in the index one after the other, so that each of its pages is read once.
    asked: list[Any] = [{"table": table, "id": name} for table, name in sorted(records)]
    found = ", ".join(f"entry.{name}" for name in columns)
    sql = _HOLDERS.format(columns=", ".join(columns), found=found)
    return binary.fetch(connections[using], sql, [msgspec.json.encode(asked).decode()])
