"""What a process says and keeps of the writes that nothing recorded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

logger = logging.getLogger("sync")

LOG_INTERVAL: Final = 60.0
"""Seconds for which a line of code that was logged is only counted."""

MAX_CALLERS: Final = 1000
"""Lines of code remembered; beyond it all are forgotten, and may be logged again at once."""


class Count(NamedTuple):
    """How often raw SQL wrote, and to how many rows where the database said so."""

    statements: int
    rows: int


_lock: Final = threading.Lock()
_counts: Final[dict[tuple[str, str], Count]] = {}
_callers: Final[dict[str, tuple[float, int]]] = {}


def uncaptured() -> Mapping[tuple[str, str], Count]:
    """Return what this process has written past capture, by table and verb; a metric."""
    with _lock:
        return dict(_counts)


def count(*, table: str, verb: str, rows: int | None, **kwargs: Any) -> None:
    """Count a write; a receiver of `sync.signals.uncaptured`."""
    with _lock:
        before = _counts.get((table, verb), Count(0, 0))
        _counts[table, verb] = Count(before.statements + 1, before.rows + (rows or 0))


def log(*, sender: Any, table: str, verb: str, rows: int | None, caller: str, **kw: Any) -> None:
    """Log a write, once per `LOG_INTERVAL` and line; a receiver of `sync.signals.uncaptured`."""
    unsaid = _unsaid(caller)
    if unsaid is None:
        return
    logger.warning(
        "%s on %s past capture (%s), at %s: clients do not hear of it. Write within"
        " sync.allow_raw_sql(), and in the same transaction tell the log: sync.record(%s, pks) or"
        " sync.record_deleted(%s, rows).%s",
        verb,
        table,
        "rows unknown" if rows is None else f"rows: {rows}",
        caller,
        sender.__name__,
        sender.__name__,
        f" The line wrote {unsaid} times more since it was last logged." if unsaid else "",
    )


def _unsaid(caller: str) -> int | None:
    """Return how many writes of a line were not logged before this one, or None for: not yet."""
    now = time.monotonic()
    with _lock:
        last, unsaid = _callers.get(caller, (None, 0))
        if last is not None and now - last < LOG_INTERVAL:
            _callers[caller] = (last, unsaid + 1)
            return None
        if len(_callers) >= MAX_CALLERS:
            _callers.clear()
        _callers[caller] = (now, 0)
        return unsaid
