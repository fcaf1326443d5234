"""Holding one record still, whether or not it has a row."""

from __future__ import annotations

from typing import Any, Final

from django.db import OperationalError, connections

from sync.differences import Row, rows_of
from sync.locking import take_write_lock
from sync.shape import Shape

LOCK_TIMEOUT: Final = 2000
"""Milliseconds for which a repair waits for those who write, on PostgreSQL."""

_POSTGRESQL_LOCK_FAILURES: Final = ("55P03", "40P01", "40001")
_MYSQL_LOCK_FAILURES: Final = (1205, 1213)


def held(shape: Shape, record_id: str, using: str) -> Row | None:
    """Return the record's row, or None, and keep it so until the transaction ends.

    Has to be the first statement of the transaction: what is read after it, in whatever isolation
    the host chose, includes the entries of whoever wrote the record before.
    """
    connection: Any = connections[using]
    if connection.vendor == "postgresql":
        return _held_by_postgresql(connection, shape, record_id, using)
    if not connection.features.has_select_for_update:
        take_write_lock(using)
        return rows_of(shape, [record_id], using).get(record_id)
    if len(connection.atomic_blocks) == 1:
        # Only then is the place of a row that is missing locked as well.
        _execute(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    return rows_of(shape, [record_id], using, lock=True).get(record_id)


def is_lock_failure(error: OperationalError) -> bool:
    """Tell whether the error says that a lock was not to be had, or not by this one of several."""
    if getattr(error.__cause__, "sqlstate", None) in _POSTGRESQL_LOCK_FAILURES:
        return True
    return "database is locked" in str(error) or error.args[:1] in [
        (code,) for code in _MYSQL_LOCK_FAILURES
    ]


def _held_by_postgresql(connection: Any, shape: Shape, record_id: str, using: str) -> Row | None:
    if len(connection.atomic_blocks) == 1:
        _execute(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    _execute(connection, f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
    row = rows_of(shape, [record_id], using, lock=True).get(record_id)
    if row is not None:
        return row
    # A row that is missing cannot be locked, and a transaction that has inserted it again, but not
    # committed, has written its entry before ours: it would be taken for the older one.
    table = connection.ops.quote_name(shape.table)
    _execute(connection, f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
    return rows_of(shape, [record_id], using).get(record_id)


def _execute(connection: Any, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
