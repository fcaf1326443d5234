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

from sync import recorders
from sync.entry_sql import ORIGIN, WRITTEN, insert_sql, returned_sql
from sync.errors import NotInSQL
from sync.record_sql import quoted
from sync.recorders import Recorder
from sync.recording import DELETE, INSERT, UPDATE
from sync.shape import Shape
from sync.sql_functions import can_call_functions, log_schema, needs_functions

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
    recorder: Recorder | None = None
    """The function that writes the entry of one row, where the database has it."""


_unusable: set[Recorder] = set()
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
    _unusable.clear()


def do_without(recorder: Recorder | None) -> None:
    """Have the catalogue asked again after a statement did not fit, and do without the function
    that made it fail: as far as the catalogue says it may be what it has to be."""
    _plans.clear()
    if recorder is not None:
        _unusable.add(recorder)


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
    schema = log_schema(connection)
    try:
        returned = returned_sql(shape, connection, schema)
    except NotInSQL:
        return None
    if needs_functions(returned) and not can_call_functions(connection):
        return None
    recorder = recorders.define(shape, connection, schema, returned)
    is_usable = recorder and recorder not in _unusable and recorders.can_call(connection, recorder)
    return Plan(
        returned.replace("%", "%%"),
        {action: _entries(connection, shape.table, action) for action in ACTIONS},
        _kind_of_key(connection, shape),
        recorder if is_usable else None,
    )


def _entries(connection: Any, table: str, action: str) -> str:
    given = ["%s"] * len(ORIGIN)
    insert = insert_sql(connection.alias, table.replace("%", "%%"), action, given)
    return f"{insert} {WRITTEN}"


def _kind_of_key(connection: Any, shape: Shape) -> str:
    fields: list[Any] = shape.key_fields
    kind = "" if len(fields) > 1 else fields[0].db_type(connection)
    return kind if kind in _NUMBERS else ""
