"""Reading several statements' worth of one moment, without keeping any writer waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connections, transaction

_OPENING: Final = {
    "postgresql": ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"],
    "mysql": [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ],
}


@contextmanager
def snapshot(using: str, *, is_long: bool = False) -> Iterator[None]:
    """Have everything read inside be of one moment.

    Inside an open transaction it is of that transaction. A long one is none on SQLite: without
    WAL it would lock writers out.
    """
    connection: Any = connections[using]
    if connection.in_atomic_block or (is_long and connection.vendor == "sqlite"):
        yield
    elif connection.vendor == "sqlite":
        with _deferred(connection):
            yield
    else:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in _OPENING.get(connection.vendor, ()):
                cursor.execute(statement)
            yield


@contextmanager
def _deferred(connection: Any) -> Iterator[None]:
    """Begin as a reader: `atomic` takes the one write lock where `transaction_mode` says so."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
