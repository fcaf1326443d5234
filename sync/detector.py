"""Notices raw SQL that writes to a registered table, for nothing else records it.

It sits in Django's own `execute_wrappers` of every connection. They see all that a Django cursor
executes, whoever made the cursor, and belong to a connection and not to a thread; Django empties
them nowhere, also not when a connection is closed or goes back to a pool. They are filled when a
connection is made, which also finds those that were made from others or in other threads. First in
the list, so that `with connection.execute_wrapper(...)`, which takes away the last one, never takes
this one. What goes past Django's cursors goes past this too: psycopg's `copy()`, `executescript()`,
`callproc()`, and whatever the database itself runs.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from sync import signals
from sync.capture import log_exists
from sync.conf import ERROR, IGNORE, WARN, conf
from sync.errors import UncapturedWrite
from sync.names import find_written
from sync.origin import Origin, origin
from sync.passing import is_allowed, is_orm
from sync.raw_sql import Written, written_by
from sync.registry import Registration
from sync.uncaptured import count, log, uncaptured

__all__ = ["captured_elsewhere", "install", "is_under_test", "uncaptured"]

Hidden = list[tuple[str, Registration]]

_QUERIES: Final = ("SELECT ", "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")
"""How the statements begin that Django itself sends most; only `;` could hide a write in them."""

captured_elsewhere: Final[list[Callable[[type[models.Model], str], bool]]] = []
"""Predicates of a model and a database alias: true where raw SQL is recorded by other means, such
as a trigger, and so is none of the detector's business."""


def install() -> None:
    """Watch every connection there is and every one there will be; twice is as good as once."""
    connection_created.connect(_watch, dispatch_uid="sync.detector")
    signals.uncaptured.connect(count, dispatch_uid="sync.detector.count")
    signals.uncaptured.connect(log, dispatch_uid="sync.detector.log")
    for connection in connections.all(initialized_only=True):
        _watch(connection=connection)


def is_under_test() -> bool:
    """Tell whether Django's test environment is set up, by whatever test runner."""
    utils = sys.modules.get("django.test.utils")
    return hasattr(getattr(utils, "_TestState", None), "saved_data")


def detect(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Execute a statement, and do as `SYNC["RAW_SQL"]` says if it is a write nobody records."""
    if is_orm() or (type(sql) is str and sql.startswith(_QUERIES) and ";" not in sql):
        return execute(sql, params, many, context)
    connection = context["connection"]
    written = written_by(_text(sql, connection), connection.vendor)
    hidden = _hidden(written, connection)
    if not hidden:
        return execute(sql, params, many, context)
    run = functools.partial(execute, sql, params, many, context)
    seen = origin()
    mode = conf().RAW_SQL or (ERROR if is_under_test() and not seen.migrates else WARN)
    if seen.flushes or mode == IGNORE:
        return run()
    if mode == ERROR:
        return _refuse(run, written, hidden, seen, context)
    result = run()
    _tell(_rows(written, context), hidden, seen, connection)
    return result


def _watch(*, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if detect not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, detect)


def _text(sql: Any, connection: BaseDatabaseWrapper) -> str:
    """Return the text of what a driver may be given; psycopg also composes SQL from objects."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    compose = getattr(sql, "as_string", None)
    return str(sql if compose is None else compose(connection.connection))


def _hidden(written: Written, connection: BaseDatabaseWrapper) -> Hidden:
    """Return the writes that nothing records, though something ought to."""
    hidden: Hidden = []
    for verb, table in written.writes:
        registration = find_written(table)
        if registration is None or is_allowed():
            continue
        if not any(knows(registration.model, connection.alias) for knows in captured_elsewhere):
            hidden.append((verb, registration))
    return hidden if hidden and log_exists(connection) else []


def _refuse(
    run: Callable[[], Any], written: Written, hidden: Hidden, seen: Origin, context: Any
) -> Any:
    """Raise unless the write touches no row, so that it has not stayed when the error is caught.

    What cannot be counted, or could not be taken back, is not executed at all.
    """
    connection = context["connection"]
    verb, registration = hidden[0]
    model = registration.model.__name__
    refused = UncapturedWrite(registration.table, verb, seen.caller, model)
    if not written.counted or connections[connection.alias] is not connection:
        raise refused
    with transaction.atomic(using=connection.alias):
        result = run()
        if _rows(written, context) != 0:
            if context["cursor"].description:
                context["cursor"].fetchall()  # rows that wait would block SQLite's next savepoint
            raise refused
    return result


def _tell(rows: int | None, hidden: Hidden, seen: Origin, connection: BaseDatabaseWrapper) -> None:
    if rows == 0:
        return
    for verb, registration in hidden:
        signals.uncaptured.send_robust(
            registration.model,
            using=connection.alias,
            table=registration.table,
            verb=verb,
            rows=rows,
            caller=seen.caller,
        )


def _rows(written: Written, context: Any) -> int | None:
    """Return how many rows were touched; None where the database does not say."""
    cursor = context["cursor"]
    rows = int(cursor.rowcount) if written.counted else -1
    if rows == 0 and context["connection"].vendor == "sqlite" and cursor.description:
        return None if _rows_wait(context["connection"]) else 0
    return None if rows < 0 else rows


def _rows_wait(connection: Any) -> bool:
    """Tell whether SQLite holds rows of a write that nobody has fetched: before that it does not
    count them, and it refuses a savepoint."""
    try:
        connection.connection.execute("SAVEPOINT sync_rows")
    except connection.Database.OperationalError:
        return True
    connection.connection.execute("RELEASE SAVEPOINT sync_rows")
    return False
