"""Has PostgreSQL write the entries of a write in the statement of the write itself.

    WITH sync_written AS (UPDATE ... RETURNING id, data and audience of each record, as texts)
    INSERT INTO sync_log ... SELECT ... FROM sync_written

A statement is a transaction where none is open, so neither exists without the other; it is one
trip, and no row travels to be encoded. The entry of a single record is written by a function of its
table (`sync.recorders`), where the database has it. Either way an id of the log is taken when a row
has been written, and so when its lock is held, as it is where the entries follow in a statement of
their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, NotSupportedError, ProgrammingError
from django.db.models.constants import OnConflict

from sync import returning, write_plans
from sync.entry_sql import ORIGIN, WRITTEN
from sync.errors import CaptureError
from sync.inserting import log_model
from sync.ordered_ids import ordered_id
from sync.passing import unwatched, watched
from sync.record_sql import quoted
from sync.recorders import Recorder
from sync.recording import DELETE, INSERT, UPDATE, audience_refused, key_refused, origin
from sync.shape import Compiler, Shape
from sync.signals import recorded
from sync.transactions import transaction_id
from sync.write_plans import WAS, Plan

MAX_PARAMETERS: Final = 65_535
"""Parameters of a statement that the server binds: their number has 16 bits (manual, "Bind")."""

_OUT_OF_REACH: Final = frozenset({"3F000", "42501"})
"""There is no such schema, or no right to it or in it."""

# A row version that no transaction replaced has an `xmax` of 0.
INSERTED_OR_UPDATED: Final = f"CASE WHEN xmax = 0 THEN {quoted(INSERT)} ELSE {quoted(UPDATE)} END"
"""What an upsert did to a row that it returns."""


def insert(
    compiler: Compiler, shape: Shape, plan: Plan, requested: Any, source: str = ""
) -> list[Any]:
    """Insert rows and their entries; returns the requested columns of the rows that went in."""
    compiler.returning_fields = None
    [(sql, params)] = compiler.as_sql()
    is_upsert = compiler.query.on_conflict == OnConflict.UPDATE
    action = INSERTED_OR_UPDATED if is_upsert else quoted(INSERT)
    is_of_one = len(compiler.query.objs) == 1
    write = _Write(compiler, shape, plan, sql, params, action, is_of_one, source)
    if requested:
        return write.rows(requested)
    write.count()
    return []


def update(compiler: Compiler, shape: Shape, plan: Plan) -> int:
    """Update rows and write their entries; returns how many rows there were."""
    write = _compiled(compiler, shape, plan, UPDATE)
    return 0 if write is None else write.count()


def update_returning(
    compiler: Compiler, shape: Shape, plan: Plan, requested: Sequence[Any]
) -> list[Any]:
    """Update like `update`, and return the requested columns of each row."""
    write = _compiled(compiler, shape, plan, UPDATE)
    return [] if write is None else write.rows(requested)


def delete(compiler: Compiler, shape: Shape, plan: Plan) -> int:
    """Delete rows and write their entries; returns how many rows there were."""
    write = _compiled(compiler, shape, plan, DELETE)
    return 0 if write is None else write.count()


def _compiled(compiler: Compiler, shape: Shape, plan: Plan, action: str) -> _Write | None:
    """Return an UPDATE or DELETE; None where nothing can match, and so there is no statement."""
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return None
    is_of_one = returning.is_about_one(compiler)
    return _Write(compiler, shape, plan, sql, params, quoted(action), is_of_one) if sql else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Write:
    """A statement of Django's, without a RETURNING, that is to write its entries."""

    compiler: Compiler
    shape: Shape
    plan: Plan
    sql: str
    params: Sequence[Any]
    action: str
    """What its entries say was done, as an expression over the row it returns."""
    is_of_one: bool
    """Whether it writes one row at most."""
    source: str = ""

    def count(self) -> int:
        """Execute it and return how many rows it wrote."""
        if recorder := self._recorder():
            statement = f"{self.sql} RETURNING {recorder.call(self.action)}"
        else:
            statement = f"{self._first()} {self._entries()}"
        return int(self._execute(statement, lambda cursor: cursor.rowcount))

    def rows(self, requested: Sequence[Any]) -> list[Any]:
        """Execute it and return columns of its rows, with the values that they have in Python."""
        rows = self._execute(self._returning(requested), lambda cursor: cursor.fetchall())
        own = (row[: len(requested)] for row in rows)
        return list(returning.converted(self.compiler, requested, own))

    def _returning(self, requested: Sequence[Any]) -> str:
        quote = self.compiler.connection.ops.quote_name
        columns = [quote(field.column) for field in requested]
        if recorder := self._recorder():
            returned = ", ".join((*columns, recorder.call(self.action)))
            return f"{self.sql} RETURNING {returned}"
        if list(requested) == self.shape.key_fields and (kind := self.plan.kind_of_key):
            return f"{self._first()} {self._entries()} RETURNING record_id::{kind}"
        names = [f"sync_{place}" for place in range(len(requested))]
        asked = zip(columns, names, strict=True)
        first = self._first("".join(f", {column} AS {name}" for column, name in asked))
        entries = f"sync_entries AS ({self._entries()})"
        return f"{first}, {entries} SELECT {', '.join(names)} FROM {WRITTEN}"

    def _recorder(self) -> Recorder | None:
        return self.plan.recorder if self.is_of_one else None

    def _first(self, asked: str = "") -> str:
        was = f", {self.action} AS {WAS}" if self._action_of_each() == WAS else ""
        returned = f"{self.plan.returned}{was}{asked}"
        return f"WITH {WRITTEN} AS ({self.sql} RETURNING {returned})"

    def _entries(self) -> str:
        return self.plan.entries[self._action_of_each()]

    def _action_of_each(self) -> str:
        """Return what an entry says was done, as an expression over what is returned."""
        return WAS if self.action == INSERTED_OR_UPDATED else self.action

    def _execute(self, sql: str, result: Callable[[Any], Any]) -> Any:
        """Execute a statement with what explains it, and tell that entries were written."""
        connection = self.compiler.connection
        mark = transaction_id(connection) if connection.in_atomic_block else ordered_id()
        known = {"transaction": mark, **watched(origin, self.source)}
        explained = [known[name] for name in ORIGIN]
        if len(self.params) + len(explained) > MAX_PARAMETERS:
            sql, explained = _spelt_out(sql, explained), []
        params = [*self.params, *explained]
        found = unwatched(self._run, sql, params, result)
        if found:
            watched(recorded.send, log_model(), using=connection.alias, transaction=mark)
        return found

    def _run(self, sql: str, params: list[Any], result: Callable[[Any], Any]) -> Any:
        try:
            with self.compiler.connection.cursor() as cursor:
                cursor.execute(sql, params)
                return result(cursor)
        except IntegrityError as error:
            if refusal := _refusal(error, self.shape.table):
                raise refusal from error
            raise
        except (ProgrammingError, NotSupportedError) as error:
            # A column may be of another type by now, a function gone, a rule new.
            recorder = self._recorder()
            write_plans.do_without(recorder if _is_about(error, recorder) else None)
            raise


def _spelt_out(sql: str, values: Sequence[Any]) -> str:
    """Return SQL with its last parameters written into it."""
    first, *between = sql.rsplit("%s", len(values))
    texts = [quoted(str(value)).replace("%", "%%") for value in values]
    return first + "".join(map("".join, zip(texts, between, strict=True)))


def _is_about(error: Exception, recorder: Recorder | None) -> bool:
    """Tell whether a statement failed over a function: for it, in it, or on the way to it."""
    state = getattr(error.__cause__, "sqlstate", "")
    return recorder is not None and (recorder.name in str(error) or state in _OUT_OF_REACH)


def _refusal(error: IntegrityError, table: str) -> CaptureError | None:
    """Return what a refusal of the log means: a null stands for a text that it cannot hold."""
    diagnosis: Any = getattr(error.__cause__, "diag", None)
    if diagnosis is None or diagnosis.table_name != log_model()._meta.db_table:
        return None
    refused = {"audience": audience_refused, "record_id": key_refused}.get(diagnosis.column_name)
    return refused(table) if refused else None
