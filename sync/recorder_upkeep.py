"""Makes the functions of `sync.recorders` that the registrations want, and removes the others."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.db import DatabaseError, transaction

from sync import recorders
from sync.entry_sql import returned_sql
from sync.errors import NotInSQL
from sync.record_sql import quoted
from sync.recorders import PREFIX, Recorder
from sync.registry import Registration
from sync.shape import shape_of
from sync.sql_functions import LOCK, log_schema

logger = logging.getLogger(__name__)

KEPT: Final = datetime.timedelta(days=30)
"""How long a function stays that no registration wants any more: processes of the version before
call it until they have been replaced, and their writes would fail without it."""

Said = Mapping[str, Any]
"""What the comment of a function says: the table, and since when nobody wants it."""


def install(connection: Any, registrations: Iterable[Registration]) -> None:
    """Make what is missing of the functions, and drop what is long disused.

    Does nothing, and so needs no rights, where all are as they must be. A function that cannot be
    made, for it is another role's, is left out: its table is recorded without it.
    """
    schema = log_schema(connection)
    wanted = {one.table: _recorder(connection, one, schema) for one in registrations}
    missing = [
        (table, recorder)
        for table, recorder in wanted.items()
        if recorder and not recorders.can_call(connection, recorder)
    ]
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        for table, recorder in missing:
            _make(connection, table, recorder)
        for statement in _upkeep(cursor, schema, wanted):
            cursor.execute(statement)


def _make(connection: Any, table: str, recorder: Recorder) -> None:
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(recorder.statement)
            cursor.execute(_comment(recorder.schema, recorder.name, {"table": table}))
    except DatabaseError as error:
        logger.warning("Recording %s stays dearer than it could be: %s", table, error)


def _recorder(connection: Any, registration: Registration, schema: str) -> Recorder | None:
    shape = shape_of(registration, registration.model)
    try:
        returned = returned_sql(shape, connection, schema)
    except NotInSQL:
        return None
    return recorders.define(shape, connection, schema, returned)


def _upkeep(cursor: Any, schema: str, wanted: Mapping[str, Recorder | None]) -> Iterator[str]:
    """Yield the SQL that marks what nobody wants, drops what has been marked for long, and takes
    the mark from what is wanted again.

    Left alone is what belongs to another role, what somebody else has commented on, and what is of
    a table that is not registered here but still there: another program may have registered it.
    """
    names = {recorder.name for recorder in wanted.values() if recorder}
    today = datetime.datetime.now(datetime.UTC).date()
    for name, said in _present(cursor, schema):
        if name in names:
            if "disused" in said:
                yield _comment(schema, name, {"table": said["table"]})
        elif said["table"] not in wanted and _is_there(cursor, said["table"]):
            continue
        elif "disused" not in said:
            yield _comment(schema, name, {**said, "disused": str(today)})
        elif said["disused"] < str(today - KEPT):
            yield f"DROP FUNCTION {schema}.{name}"


def _present(cursor: Any, schema: str) -> list[tuple[str, Said]]:
    cursor.execute(
        "SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE quote_ident(n.nspname) = %s"
        " AND starts_with(p.proname, %s) AND pg_has_role(p.proowner, 'USAGE')",
        [schema, PREFIX],
    )
    found = [(name, _said(comment)) for name, comment in cursor.fetchall()]
    return [(name, said) for name, said in found if "table" in said]


def _said(comment: str | None) -> Said:
    try:
        said = json.loads(comment or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _is_there(cursor: Any, table: str) -> bool:
    cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", [table])
    return bool(cursor.fetchone()[0])


def _comment(schema: str, name: str, said: Said) -> str:
    return f"COMMENT ON FUNCTION {schema}.{name} IS {quoted(json.dumps(said))}"
