"""The entries of rows that a statement writes, as the SQL with which PostgreSQL writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sync.errors import NotInSQL
from sync.inserting import NEW, into
from sync.record_sql import audience_sql, data_sql, quoted, record_id_sql
from sync.recording import MAX_RECORD_ID_LENGTH
from sync.registry import MAX_AUDIENCE_LENGTH
from sync.shape import Shape
from sync.table_columns import table_columns

WRITTEN: Final = "sync_written"
"""What a statement calls the rows that it has written."""

ORIGIN: Final = {
    "transaction": "uuid",
    **dict.fromkeys(("actor_id", "actor", "source", "client_id", "request_id", "reason"), "text"),
    "recorded_at": "timestamptz",
}
"""Columns of the log that a statement is given as parameters, in this order, and their types."""


def returned_sql(shape: Shape, connection: Any, schema: str) -> str:
    """Return the columns of the log that are made of a row, as `sync_record_id` and so on.

    The functions are looked up in `schema`: what a search path finds first may be another's. Raises
    `NotInSQL` where the table does not allow PostgreSQL to write them as Python does.
    """
    columns = {
        "record_id": record_id_sql(shape, "", connection, schema),
        "data": data_sql(shape, "", connection, schema),
        "audience": audience_sql(shape, "", connection, schema),
    }
    if not table_columns(shape, connection).fit(shape):
        label = shape.registration.model._meta.label
        raise NotInSQL(label, "a table that is not what its model says")
    return ", ".join(f"{sql} AS sync_{name}" for name, sql in columns.items())


def insert_sql(alias: str, table: str, action: str, given: Sequence[str]) -> str:
    """Return the INSERT of entries, up to the name of the rows: these have the columns of
    `returned_sql`, and `given` are the expressions of `ORIGIN`."""
    values = {
        "table": quoted(table),
        "action": action,
        "record_id": _bounded("sync_record_id", 0, MAX_RECORD_ID_LENGTH),
        "data": "sync_data",
        "audience": _bounded("sync_audience", 1, MAX_AUDIENCE_LENGTH),
        **dict(zip(ORIGIN, given, strict=True)),
    }
    # Parameters that the server binds have no type of their own in a SELECT.
    values["transaction"] += "::uuid"
    # When the row's lock was held: what writes a record after another is recorded after it.
    values["recorded_at"] += "::timestamptz + (clock_timestamp() - statement_timestamp())"
    selected = ", ".join((*NEW.values(), *values.values()))
    return f"{into(alias, tuple(values))} SELECT {selected} FROM"


def _bounded(text: str, least: int, most: int) -> str:
    """Return a text, or null where the log cannot hold one of its length."""
    return f"CASE WHEN length({text}) BETWEEN {least} AND {most} THEN {text} END"
