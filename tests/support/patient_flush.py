"""Emptying the database between two tests while a hub that outlives them reads and writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import OperationalError
from django.db.backends.base.operations import BaseDatabaseOperations

ATTEMPTS: Final = 10

_flush = BaseDatabaseOperations.execute_sql_flush


def flush_patiently(operations: Any, sql_list: Sequence[str]) -> None:
    """Empty the tables, once more where the database chose this for the victim of a deadlock.

    It locks all tables one after the other, and what a hub has locked of them meanwhile in another
    order makes a circle, which no order of the hub's own can rule out.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return _flush(operations, sql_list)
        except OperationalError:
            if not left:
                raise
