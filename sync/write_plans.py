"""How PostgreSQL itself writes the entries of what is written to a table.

Where anything but the columns is needed (an audience that is a function, a digest, a field that
only Python can read) there is no plan, and the entries are made in Python.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings

from sync.errors import NotInSQL
from sync.inserting import NEW, into
from sync.record_sql import audience_sql, data_sql, quoted, record_id_sql
from sync.recording import DELETE, INSERT, MAX_RECORD_ID_LENGTH, UPDATE
from sync.registry import MAX_AUDIENCE_LENGTH
from sync.shape import Shape
from sync.sql_functions import can_call_functions, log_schema, needs_functions
from sync.table_columns import table_columns

WRITTEN: Final = "sync_written"
"""What a statement calls the rows that it has written."""

ORIGIN: Final = (
    *("transaction", "actor_id", "actor", "source", "client_id", "request_id", "reason"),
    "recorded_at",
)
"""Columns of the log that a statement is given as parameters, in this order."""

WAS: Final = "sync_action"
"""What a statement calls what it did to a row, where that is not the same for all."""

ACTIONS: Final = (*map(quoted, (INSERT, UPDATE, DELETE)), WAS)

_NUMBERS: Final = frozenset({"smallint", "integer", "bigint"})


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is the same of every statement that writes one table of a database."""

    returned: str
    """The columns of the log that are made of a row, as `sync_record_id` and so on."""
    entries: Mapping[str, str]
    """The INSERT of the entries, by the expression of what was done."""
    kind_of_key: str
    """The type of a key that its record's id can be cast to; empty where it is none of these."""


_plans: dict[Any, WeakKeyDictionary[Shape, Plan | None]] = {}


def plan_for(connection: Any, shape: Shape) -> Plan | None:
    """Return how the database writes a table's entries by itself; None where Python has to.

    Asked of the catalogue once a process. Outside `atomic` there is none while autocommit is off,
    for then nobody tells when the transaction ends.
    """
    if connection.vendor != "postgresql" or not (
        connection.in_atomic_block or connection.get_autocommit()
    ):
        return None
    plans = _plans_of(connection)
    try:
        return plans[shape]
    except KeyError:
        with _unnoticed(connection):
            plan = plans[shape] = _made(connection, shape)
        return plan


def forget() -> None:
    """Have the catalogue asked again, for tables or functions may have changed."""
    _plans.clear()


@contextmanager
def _unnoticed(connection: Any) -> Iterator[None]:
    """Hide questions to the catalogue from whoever counts the statements of a write: which write of
    a process is the first is chance."""
    counted, wrappers = connection.force_debug_cursor, connection.execute_wrappers
    connection.force_debug_cursor, connection.execute_wrappers = False, []
    try:
        yield
    finally:
        connection.force_debug_cursor, connection.execute_wrappers = counted, wrappers


def _plans_of(connection: Any) -> WeakKeyDictionary[Shape, Plan | None]:
    """Return the plans for connections like this one: of the same database and the same clock."""
    key = (
        connection.alias,
        connection.settings_dict["NAME"],
        settings.USE_TZ or connection.timezone_name,
    )
    plans = _plans.get(key)
    if plans is None:
        plans = _plans[key] = WeakKeyDictionary()
    return plans


def _made(connection: Any, shape: Shape) -> Plan | None:
    if shape.model.__module__ == "__fake__":
        return None
    schema = log_schema(connection)  # what a search path finds first may be another's
    try:
        columns = {
            "record_id": record_id_sql(shape, "", connection, schema),
            "data": data_sql(shape, "", connection, schema),
            "audience": audience_sql(shape, "", connection, schema),
        }
        fits = table_columns(shape, connection).fit(shape)
    except NotInSQL:
        return None
    returned = ", ".join(f"{sql} AS sync_{name}" for name, sql in columns.items())
    if not fits or (needs_functions(returned) and not can_call_functions(connection)):
        return None
    return Plan(
        returned.replace("%", "%%"),
        {action: _entries(connection, shape, action) for action in ACTIONS},
        _kind_of_key(connection, shape),
    )


def _entries(connection: Any, shape: Shape, action: str) -> str:
    values = {
        "table": quoted(shape.table).replace("%", "%%"),
        "action": action,
        "record_id": _bounded("sync_record_id", 0, MAX_RECORD_ID_LENGTH),
        "data": "sync_data",
        "audience": _bounded("sync_audience", 1, MAX_AUDIENCE_LENGTH),
        **dict.fromkeys(ORIGIN, "%s"),
        # Parameters that the server binds have no type of their own in a SELECT.
        "transaction": "%s::uuid",
        # When the row's lock was held: what writes a record after another is recorded after it.
        "recorded_at": "%s::timestamptz + (clock_timestamp() - statement_timestamp())",
    }
    selected = ", ".join((*NEW.values(), *values.values()))
    return f"{into(connection.alias, tuple(values))} SELECT {selected} FROM {WRITTEN}"


def _kind_of_key(connection: Any, shape: Shape) -> str:
    fields: list[Any] = shape.key_fields
    kind = "" if len(fields) > 1 else fields[0].db_type(connection)
    return kind if kind in _NUMBERS else ""


def _bounded(text: str, least: int, most: int) -> str:
    """Return a text, or null where the log cannot hold one of its length."""
    return f"CASE WHEN length({text}) BETWEEN {least} AND {most} THEN {text} END"
