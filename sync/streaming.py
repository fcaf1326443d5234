"""Executes a statement and takes its rows off the driver without ever holding all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from sync.spool import CHUNK, Row, Spool


def fetch(connection: BaseDatabaseWrapper, sql: str, params: Any) -> list[Row]:
    """Execute a statement that returns so few rows that streaming them would cost more."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
    return rows


def execute(connection: BaseDatabaseWrapper, sql: str, params: Any) -> Spool:
    """Execute a statement that returns rows, with all that Django does around one.

    When it returns, the connection is free for the next statement.
    """
    with connection.cursor() as cursor:
        if not hasattr(cursor.cursor, "stream"):
            cursor.execute(sql, params)
            return Spool(_fetched(cursor))
        return _stream(connection, cursor, sql, params)


def _stream(connection: Any, cursor: Any, sql: str, params: Any) -> Spool:
    """Let psycopg hand over rows as they come: `execute` keeps the whole result in memory.

    Replaces the innermost step of Django's cursor, so that execute wrappers, the query log and the
    check for a broken transaction are where they always are.
    """
    spool = Spool()

    def execute(sql: str, params: Any, *ignored: Any) -> None:
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            spool.extend(cursor.cursor.stream(sql, params))

    cursor._execute = execute
    cursor.execute(sql, params)
    return spool


def _fetched(cursor: Any) -> Iterator[Row]:
    while rows := cursor.fetchmany(CHUNK):
        yield from rows
