"""Reads many rows off PostgreSQL in its own format, which psycopg decodes without Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from sync.spool import Row


def rows_of(found: QuerySet[Any, Any]) -> list[Row]:
    """Return the rows of a `values_list()` of fields that no field class converts."""
    connection = connections[found.db]
    if connection.vendor != "postgresql":
        return list(found)
    return fetch(connection, *found.query.get_compiler(found.db).as_sql())


def fetch(connection: Any, sql: str, params: Sequence[Any]) -> list[Row]:
    """Execute a statement on PostgreSQL and return its rows; times are aware, in the zone of the
    connection."""
    with connection.cursor() as cursor:
        if hasattr(cursor.cursor, "format"):  # psycopg 3
            cursor.cursor = _binary_cursor(connection.connection)
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
    return rows


def _binary_cursor(connection: Any) -> Any:
    """Return a cursor for the innermost place of Django's: its own, which binds parameters by
    itself, cannot ask for this format."""
    import psycopg

    cursor = psycopg.Cursor(connection)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor
