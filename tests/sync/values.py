"""Values that are easily harmed on their way through the database and the encoding."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any, Final

HARD_VALUES: Final[dict[str, Any]] = {
    "char": 'quotes " and \\ and \N{GRINNING FACE} and \u2028',
    "text": "line\nline\ttab \x7f",
    "slug": "a-b_c",
    "integer": -(2**31),
    "big": 2**63 - 1,
    "decimal": decimal.Decimal("-1234567890.5"),
    "real": 0.1 + 0.2,
    "flag": True,
    "day": datetime.date(1, 1, 1),
    "moment": datetime.datetime(
        2026, 3, 29, 1, 59, 59, 999999, datetime.timezone(datetime.timedelta(hours=2))
    ),
    "clock": datetime.time(23, 59, 59, 1),
    "span": datetime.timedelta(days=-3, microseconds=7),
    "mark": uuid.UUID(int=2**128 - 1),
    "options": {"z": [1, 2.5, None, True, {"b": "é", "a": 2**60}], "a": ""},
    "blob": b"\x00\xff not text",
    "attachment": "attachments/a b.txt",
    "address": "2001:db8::1",
    "maybe": None,
}
