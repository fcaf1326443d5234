"""Puts the triggers that `sync.trigger_sql` defines on the tables of a database, and compares."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from sync import captors
from sync.errors import NotInSQL
from sync.registry import Registration, registry
from sync.shape import Shape
from sync.sql_functions import LOCK, ensure_functions, functions_are_current, log_schema
from sync.table_columns import table_columns
from sync.trigger_sql import TRIGGERS, Definition, define, function_name

CURRENT: Final = "current"
OUTDATED: Final = "outdated"
MISSING: Final = "missing"
IMPOSSIBLE: Final = "impossible"


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """How the triggers of one registration stand, and the SQL that would make them current."""

    registration: Registration
    kind: str
    """One of `CURRENT`, `OUTDATED`, `MISSING` and `IMPOSSIBLE`."""
    reason: str = ""
    statements: tuple[str, ...] = ()


def states(connection: BaseDatabaseWrapper, registrations: Iterable[Registration]) -> list[State]:
    """Compare the triggers of tables with what their registrations make of them now."""
    schema, current = log_schema(connection), functions_are_current(connection)
    return [_state(r, connection, schema, current) for r in registrations]


def _state(
    registration: Registration, connection: BaseDatabaseWrapper, schema: str, current: bool
) -> State:
    try:
        definition, lacking = _fitted(registration, connection, schema)
    except NotInSQL as error:
        # The ORM takes over, which it does only where no trigger is.
        present = [t for t in triggered_tables(connection) if t[1] == registration.table]
        return State(registration, IMPOSSIBLE, str(error), tuple(removal(connection, present)))
    body, enabled = _installed(definition, connection)
    statements = [] if body == definition.body else definition.function_statements()
    statements += [definition.trigger_statement(n) for n in TRIGGERS if n not in enabled]
    if not enabled:
        return State(registration, MISSING, "", tuple(statements))
    if statements or not current:
        return State(registration, OUTDATED, "", tuple(statements))
    if lacking:
        return State(registration, OUTDATED, f"not migrated yet: {', '.join(lacking)}")
    return State(registration, CURRENT)


def install(connection: BaseDatabaseWrapper, registrations: Iterable[Registration]) -> list[State]:
    """Make the triggers of these registrations current, in one transaction.

    Returns how each stood before. What is current already is not touched, so nothing is locked for
    it. Where PostgreSQL cannot write the entries, the ORM goes on to.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        ensure_functions(connection)
        # Two processes that replace one function at the same time would fail.
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        found = states(connection, registrations)
        for state in found:
            for statement in state.statements:
                cursor.execute(statement)
    captors.forget()
    return found


def refit(connection: BaseDatabaseWrapper, registrations: Iterable[Registration]) -> None:
    """Fit the functions of tables that have triggers to the columns that the tables have now."""
    present = {table for _, table in triggered_tables(connection)}
    install(connection, [r for r in registrations if r.table in present])


def remove(connection: BaseDatabaseWrapper, tables: Iterable[tuple[str, str]]) -> list[str]:
    """Remove the triggers of tables, given as schema and name; returns the SQL it executed."""
    statements = removal(connection, tables)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    captors.forget()
    return statements


def removal(connection: BaseDatabaseWrapper, tables: Iterable[tuple[str, str]]) -> list[str]:
    """Return the SQL that removes the triggers of tables, given as schema and name."""
    quote, schema = connection.ops.quote_name, log_schema(connection)
    statements = []
    for table_schema, table in tables:
        on = f"{quote(table_schema)}.{quote(table)}"
        statements += [f"DROP TRIGGER IF EXISTS {name} ON {on}" for name in TRIGGERS]
        statements.append(f"DROP FUNCTION IF EXISTS {schema}.{quote(function_name(table))}()")
    return statements


def triggered_tables(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return the schema and name of every table that has any of the triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT n.nspname, c.relname FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE NOT t.tgisinternal AND t.tgname = ANY(%s) ORDER BY 1, 2",
            [list(TRIGGERS)],
        )
        return [(schema, table) for schema, table in cursor.fetchall()]


def unregistered(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return the tables with triggers that no registration wants."""
    return [found for found in triggered_tables(connection) if registry.find(found[1]) is None]


def _fitted(
    registration: Registration, connection: BaseDatabaseWrapper, schema: str
) -> tuple[Definition, list[str]]:
    """Return the definition over the columns that the table has at this moment, and the synced
    columns that it has not, or not of their type: between two migrations a function that named
    them would make every write fail."""
    shape = Shape(registration, registration.model)
    define(shape, connection, table_schema="", log_schema="")
    found = table_columns(shape, connection)
    fields: list[Any] = shape.fields
    named = {field.attname for field in shape.key_fields} | _audience(registration)
    needed = [field for field in fields if field.attname in named]
    if missing := sorted(field.column for field in needed if field.column not in found.present):
        label = registration.model._meta.label
        raise NotInSQL(label, f"a table without {', '.join(missing)}: migrate it first")
    lacking = [
        field.column
        for field in fields
        if field.attname in registration.fields and field.column not in found.present
    ]
    shape.fields = [field for field in fields if field.column in found.present]
    fitted = define(shape, connection, table_schema=found.schema, log_schema=schema)
    return fitted, lacking


def _audience(registration: Registration) -> frozenset[str]:
    return registration.audience_fields or frozenset()


def _installed(
    definition: Definition, connection: BaseDatabaseWrapper
) -> tuple[str | None, set[str]]:
    """Return the body of the table's function, and which enabled triggers point to it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.prosrc, ARRAY(SELECT t.tgname::text FROM pg_trigger t"
            "  WHERE t.tgrelid = to_regclass(%s) AND t.tgfoid = p.oid"
            "   AND t.tgenabled IN ('O', 'A') AND t.tgname = ANY(%s))"
            " FROM pg_proc p WHERE p.oid = to_regproc(%s)"
            " AND p.prosecdef AND p.proconfig IS NOT NULL",
            [definition.table, list(TRIGGERS), definition.function],
        )
        found = cursor.fetchone()
    return (None, set()) if found is None else (found[0], set(found[1]))
