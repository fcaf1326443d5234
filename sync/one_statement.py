"""Has PostgreSQL write the entries of a write in the statement of the write itself.

    WITH sync_written AS (UPDATE ... RETURNING id, data and audience of each record, as texts)
    INSERT INTO sync_log ... SELECT ... FROM sync_written

A statement is a transaction where none is open, so neither exists without the other; it is one
trip, and no row travels to be encoded. An id of the log is taken when a row has been written, and
so when its lock is held, as it is where the entries follow in a statement of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, NotSupportedError, ProgrammingError
from django.db.models.constants import OnConflict

from sync import returning, write_plans
from sync.errors import CaptureError
from sync.inserting import log_model
from sync.ordered_ids import ordered_id
from sync.passing import unwatched, watched
from sync.record_sql import quoted
from sync.recording import DELETE, INSERT, MAX_RECORD_ID_LENGTH, UPDATE, origin
from sync.registry import MAX_AUDIENCE_LENGTH
from sync.shape import Compiler, Shape
from sync.signals import recorded
from sync.transactions import transaction_id
from sync.write_plans import ORIGIN, WAS, WRITTEN, Plan

MAX_PARAMETERS: Final = 65_535
"""Parameters of a statement that the server binds: their number has 16 bits (manual, "Bind")."""


def insert(
    compiler: Compiler, shape: Shape, plan: Plan, requested: Any, source: str = ""
) -> list[Any]:
    """Insert rows and their entries; returns the requested columns of the rows that went in."""
    compiler.returning_fields = None
    [(sql, params)] = compiler.as_sql()
    write = _Write(sql, params, quoted(INSERT))
    if compiler.query.on_conflict == OnConflict.UPDATE:
        # A row version that no transaction replaced has an `xmax` of 0.
        was = f"CASE WHEN xmax = 0 THEN {quoted(INSERT)} ELSE {quoted(UPDATE)} END"
        write = _Write(sql, params, WAS, f", {was} AS {WAS}")
    if requested:
        return _rows(compiler, shape, plan, write, requested, source)
    _count(compiler, shape, plan, write, source)
    return []


def update(compiler: Compiler, shape: Shape, plan: Plan) -> int:
    """Update rows and write their entries; returns how many rows there were."""
    return _count(compiler, shape, plan, _write(compiler, UPDATE))


def update_returning(
    compiler: Compiler, shape: Shape, plan: Plan, requested: Sequence[Any]
) -> list[Any]:
    """Update like `update`, and return the requested columns of each row."""
    write = _write(compiler, UPDATE)
    return [] if write is None else _rows(compiler, shape, plan, write, requested)


def delete(compiler: Compiler, shape: Shape, plan: Plan) -> int:
    """Delete rows and write their entries; returns how many rows there were."""
    return _count(compiler, shape, plan, _write(compiler, DELETE))


@dataclasses.dataclass(frozen=True, slots=True)
class _Write:
    """A statement without its RETURNING, and what its entries say was done."""

    sql: str
    params: Sequence[Any]
    action: str
    """An expression over what is returned."""
    returned: str = ""
    """What it has to return besides what the log is made of."""

    def with_entries(self, plan: Plan, asked: str = "") -> tuple[str, str]:
        """Return the write as the first part of a WITH, and the INSERT of its entries."""
        first = f"WITH {WRITTEN} AS ({self.sql} RETURNING {plan.returned}{self.returned}{asked})"
        return first, plan.entries[self.action]


def _write(compiler: Compiler, action: str) -> _Write | None:
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return None
    return _Write(sql, params, quoted(action)) if sql else None


def _count(
    compiler: Compiler, shape: Shape, plan: Plan, write: _Write | None, source: str = ""
) -> int:
    """Execute a write and return how many rows it wrote."""
    if write is None:
        return 0
    statement = " ".join(write.with_entries(plan))
    return int(_executed(compiler, shape, (statement, write.params), _rowcount, source))


def _rows(
    compiler: Compiler,
    shape: Shape,
    plan: Plan,
    write: _Write,
    requested: Sequence[Any],
    source: str = "",
) -> list[Any]:
    """Execute a write and return columns of its rows, with the values that they have in Python."""
    if list(requested) == shape.key_fields and (kind := plan.kind_of_key):
        first, entries = write.with_entries(plan)
        statement = f"{first} {entries} RETURNING record_id::{kind}"
    else:
        quote = compiler.connection.ops.quote_name
        names = [f"sync_{place}" for place in range(len(requested))]
        columns = [quote(field.column) for field in requested]
        asked = [f", {column} AS {name}" for column, name in zip(columns, names, strict=True)]
        first, entries = write.with_entries(plan, "".join(asked))
        statement = f"{first}, sync_entries AS ({entries}) SELECT {', '.join(names)} FROM {WRITTEN}"
    rows = _executed(compiler, shape, (statement, write.params), _fetched, source)
    return list(returning.converted(compiler, requested, rows))


def _rowcount(cursor: Any) -> int:
    return int(cursor.rowcount)


def _fetched(cursor: Any) -> list[Any]:
    return list(cursor.fetchall())


def _executed(
    compiler: Compiler,
    shape: Shape,
    statement: tuple[str, Sequence[Any]],
    result: Callable[[Any], Any],
    source: str,
) -> Any:
    """Execute a statement with what explains it, and tell that entries were written."""
    connection = compiler.connection
    mark = transaction_id(connection) if connection.in_atomic_block else ordered_id()
    sql, params = statement
    known = {"transaction": mark, **watched(origin, source)}
    explained = [known[name] for name in ORIGIN]
    if len(params) + len(explained) > MAX_PARAMETERS:
        sql, explained = _spelt_out(sql, explained), []
    found = unwatched(_run, connection, shape, sql, [*params, *explained], result)
    if found:
        watched(recorded.send, log_model(), using=compiler.using, transaction=mark)
    return found


def _spelt_out(sql: str, values: Sequence[Any]) -> str:
    """Return SQL with its last parameters written into it."""
    first, *between = sql.rsplit("%s", len(values))
    texts = [quoted(str(value)).replace("%", "%%") for value in values]
    return first + "".join(map("".join, zip(texts, between, strict=True)))


def _run(
    connection: Any, shape: Shape, sql: str, params: list[Any], result: Callable[[Any], Any]
) -> Any:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return result(cursor)
    except IntegrityError as error:
        if refusal := _refusal(error, shape):
            raise refusal from error
        raise
    except (ProgrammingError, NotSupportedError):
        write_plans.forget()  # a column may be of another type by now, a function gone, a rule new
        raise


def _refusal(error: IntegrityError, shape: Shape) -> CaptureError | None:
    """Return what a refusal of the log means: a null stands for a text that it cannot hold."""
    diagnosis: Any = getattr(error.__cause__, "diag", None)
    if diagnosis is None or diagnosis.table_name != log_model()._meta.db_table:
        return None
    if diagnosis.column_name == "audience":
        return CaptureError(
            f"The audience of a {shape.table} record must have 1 to {MAX_AUDIENCE_LENGTH}"
            " characters: see audience= where it is registered."
        )
    if diagnosis.column_name == "record_id":
        return CaptureError(
            f"The primary key of a {shape.table} record is longer than the"
            f" {MAX_RECORD_ID_LENGTH} characters that the log holds: shorten it, or do not"
            " register the model."
        )
    return None
