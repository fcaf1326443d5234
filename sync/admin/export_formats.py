"""The forms in which changes leave the admin: CSV for people, NDJSON for programs.

Both end with a line that counts what came before it. A file without that line is not whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from sync import codec
from sync.admin.export_reading import Before
from sync.masking import BLANK
from sync.models import SyncLog
from sync.registry import registry

END: Final = "end"
CUT: Final = "cut"
FAILED: Final = "failed"

COLUMNS: Final = (
    "position",
    "published_at",
    "recorded_at",
    "action",
    "cause",
    "event",
    "table",
    "record_id",
    "changed",
    "changes",
    "data",
    "redacted",
    "actor",
    "actor_id",
    "source",
    "client_id",
    "request_id",
    "reason",
    "transaction",
    "audience",
)

BOM: Final = "\ufeff"
"""Without it spreadsheets take UTF-8 for the encoding of the machine they run on."""

_FORMULA: Final = tuple("=+-@\t\r\n\0＝＋－＠")
"""What makes a spreadsheet run the rest of a cell as a formula, by OWASP and its ASVS (1.2.10)."""


class Format(Protocol):
    """How an export is written, part by part."""

    content_type: str
    extension: str

    def head(self) -> str:
        """Return what stands before the first change."""

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Return the lines of some changes."""

    def tail(self, outcome: str, count: int) -> str:
        """Return the line that tells how it ended, and after how many changes."""


class Csv:
    """Text as RFC 4180 has it, in UTF-8; a cell that a spreadsheet would run gets an apostrophe."""

    content_type = "text/csv; charset=utf-8; header=present"
    extension = "csv"

    def head(self) -> str:
        return BOM + _csv([COLUMNS])

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> str:
        return _csv([_cell(row[name]) for name in COLUMNS] for row in rows)

    def tail(self, outcome: str, count: int) -> str:
        return _csv([[outcome, count, *[""] * (len(COLUMNS) - 2)]])


class Ndjson:
    """One JSON object a line, with the record's values as JSON values."""

    content_type = "application/x-ndjson"
    extension = "ndjson"

    def head(self) -> str:
        return ""

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> str:
        return "".join(f"{_json(row)}\n" for row in rows)

    def tail(self, outcome: str, count: int) -> str:
        return _json({"end": outcome == END, "outcome": outcome, "count": count}) + "\n"


FORMATS: Final[Mapping[str, Format]] = {"csv": Csv(), "ndjson": Ndjson()}


def exported(entry: SyncLog, before: Before | None) -> dict[str, Any]:
    """Return a change by column, in values that JSON has. What was redacted is null and named."""
    values = entry.values
    redacted = _redacted(entry, values)
    return {
        "position": entry.seq,
        "published_at": codec.encode_value(entry.published_at),
        "recorded_at": codec.encode_value(entry.recorded_at),
        "action": entry.action,
        "cause": entry.cause,
        "event": entry.event,
        "table": entry.table,
        "record_id": entry.record_id,
        "changed": entry.changed_names,
        "changes": _changes(entry, values, redacted, before),
        "data": values or None,
        "redacted": sorted(redacted),
        "actor": entry.actor,
        "actor_id": entry.actor_id,
        "source": entry.source,
        "client_id": entry.client_id,
        "request_id": entry.request_id,
        "reason": entry.reason,
        "transaction": str(entry.transaction),
        "audience": entry.audience,
    }


def _redacted(entry: SyncLog, values: Mapping[str, Any]) -> set[str]:
    """Return the fields whose values were removed from an entry, or never entered it."""
    return values.keys() & set(entry.redacted_names) | {
        name for name in _blank(entry.table) if name in values and values[name] is None
    }


def _blank(table: str) -> list[str]:
    registration = registry.find(table)
    ways = {} if registration is None else registration.redact
    return [name for name, way in ways.items() if way == BLANK]


def _changes(
    entry: SyncLog, values: Mapping[str, Any], redacted: set[str], before: Before | None
) -> dict[str, dict[str, Any]] | None:
    """Return the changed fields of an update, old and new; a side that is not known is left out."""
    if entry.action != SyncLog.Action.UPDATE or entry.changed is None:
        return None
    old, removed = before or Before({}, ())
    removed = {*removed, *_blank(entry.table)}
    changes = {}
    for name in entry.changed_names or ():
        sides = {"before": old, "after": values}
        change = {side: held[name] for side, held in sides.items() if name in held}
        gone = [side for side, names in (("before", removed), ("after", redacted)) if name in names]
        changes[name] = change | ({"redacted": gone} if gone else {})
    return changes


def _cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = ", ".join(value)
    else:
        text = _json(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
