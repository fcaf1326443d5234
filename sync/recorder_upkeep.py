"""Makes the functions of `sync.recorders` that the registrations want, and removes the others."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction

from sync import recorders
from sync.entry_sql import returned_sql
from sync.errors import NotInSQL
from sync.recorders import PREFIX, Recorder
from sync.registry import Registration
from sync.shape import shape_of
from sync.sql_functions import LOCK, log_schema

KEPT: Final = datetime.timedelta(days=30)
"""How long a function stays that no registration wants any more: processes of the version before
call it until they have been replaced, and their writes would fail without it."""

_DISUSED: Final = "disused since "


def install(connection: Any, registrations: Iterable[Registration]) -> None:
    """Make what is missing of the functions, in one transaction, and drop what is long disused.

    Does nothing, and so needs no rights, where all are as they must be.
    """
    schema = log_schema(connection)
    wanted = {recorder.name: recorder for recorder in _wanted(connection, registrations, schema)}
    missing = [r for r in wanted.values() if not recorders.can_call(connection, r)]
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        for recorder in missing:
            cursor.execute(recorder.statement)
        for statement in _upkeep(cursor, schema, wanted):
            cursor.execute(statement)


def _wanted(
    connection: Any, registrations: Iterable[Registration], schema: str
) -> Iterable[Recorder]:
    for registration in registrations:
        shape = shape_of(registration, registration.model)
        try:
            returned = returned_sql(shape, connection, schema)
        except NotInSQL:
            continue
        if recorder := recorders.define(shape, connection, schema, returned):
            yield recorder


def _upkeep(cursor: Any, schema: str, wanted: Iterable[str]) -> Iterable[str]:
    """Return the SQL that marks what nobody wants, drops what has been marked for long, and takes
    the mark from what is wanted again. What belongs to another role is left alone."""
    cursor.execute(
        "SELECT p.proname, coalesce(obj_description(p.oid, 'pg_proc'), '') FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE quote_ident(n.nspname) = %s"
        " AND starts_with(p.proname, %s) AND pg_has_role(p.proowner, 'USAGE')",
        [schema, PREFIX],
    )
    today = datetime.datetime.now(datetime.UTC).date()
    last = f"{_DISUSED}{today - KEPT}"
    for name, said in cursor.fetchall():
        function = f"FUNCTION {schema}.{name}"
        if name in wanted and said:
            yield f"COMMENT ON {function} IS NULL"
        elif name not in wanted and not said:
            yield f"COMMENT ON {function} IS '{_DISUSED}{today}'"
        elif name not in wanted and said < last:
            yield f"DROP {function}"
