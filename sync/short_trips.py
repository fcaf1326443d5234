"""Lets a write that is a transaction of its own cost PostgreSQL two trips instead of four.

In autocommit, recording takes BEGIN, the write, the entry and COMMIT. Statements sent as one text
travel together, and after a BEGIN among them the transaction stays open (manual, "Multiple
Statements in a Simple Query"). So BEGIN goes in front of the write and COMMIT behind the entry;
Django then finds nothing left to commit. So does publishing, for which every change waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction

_TRIPS: Final = "_sync_short_trips"


@contextmanager
def transaction_for(connection: Any, *, is_short: bool, savepoint: bool = False) -> Iterator[None]:
    """Open a transaction, or join the open one, for a write and its entries, or for publishing.

    `is_short` says that nothing follows the statement that is marked as the last.
    """
    is_own = is_short and _travels_together(connection)
    with transaction.atomic(using=connection.alias, savepoint=savepoint):
        if not is_own or not _begins_plainly(connection.connection):
            yield
            return
        connection.connection.autocommit = True  # else psycopg sends BEGIN, on a trip of its own
        trips = _Trips()
        setattr(connection, _TRIPS, trips)
        try:
            with connection.execute_wrapper(trips):
                yield
        finally:
            delattr(connection, _TRIPS)


def is_under_way(connection: Any) -> bool:
    """Tell whether several statements may be sent as one text, in a transaction of this kind."""
    return hasattr(connection, _TRIPS)


def end_with_the_next(connection: Any) -> None:
    """Have the next statement end the transaction, where that travels with its statements.

    Whatever would make it fail has to have happened before. A write of whoever hears of an entry
    while it is published is in a block of its own, and does not end what publishing began.
    """
    trips: _Trips | None = getattr(connection, _TRIPS, None)
    if trips is not None and len(connection.atomic_blocks) == 1:
        trips.is_last = True


class _Trips:
    """Puts BEGIN in front of the first statement and COMMIT behind the last, innermost, so that
    whoever watches the statements sees them as they are."""

    def __init__(self) -> None:
        self.is_last = False
        self._has_begun = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not self._has_begun:
            self._has_begun = True
            result = execute(f"BEGIN; {sql}", params, many, context)
            context["cursor"].nextset()  # BEGIN has a result of its own, which nobody asks for
            return result
        if self.is_last:
            sql = f"{sql}; COMMIT"
        return execute(sql, params, many, context)


def _travels_together(connection: Any) -> bool:
    """Tell whether several statements in one text are a transaction of this write alone."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return False
    if connection.settings_dict["OPTIONS"].get("server_side_binding") is True:
        return False
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return is_psycopg3 and bool(connection.get_autocommit())


def _begins_plainly(connection: Any) -> bool:
    """Tell whether psycopg would send a BEGIN without anything more."""
    given = (connection.isolation_level, connection.read_only, connection.deferrable)
    return given == (None, None, None)
