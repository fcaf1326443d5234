"""Wraps the write compilers, the one place where every ORM write passes on every database.

Signals miss bulk writes, cascades and many-to-many rows, and in autocommit they run after the
statement's transaction has closed. The compilers do not: the write and its entries share one
transaction, so that neither can exist without the other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Final

from django.core.serializers.base import DeserializedObject
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.sql.compiler import (
    SQLDeleteCompiler,
    SQLInsertCompiler,
    SQLUpdateCompiler,
)
from django.db.models.sql.constants import ROW_COUNT

from sync import captors, cascades, one_statement, short_trips, statements
from sync.context import FIXTURE, current, entered
from sync.inserting import gathered, has_listeners
from sync.passing import unwatched, watched
from sync.recording import write_entries
from sync.registry import Registration, registry
from sync.shape import Compiler, Shape, shape_of
from sync.write_plans import Plan, plan_for

Execute = Callable[..., Any]

_MARK: Final = "_sync_original"
_LOG_EXISTS: Final = "_sync_log_exists"


def install() -> None:
    """Wrap the compilers once; a model that is not registered pays one dictionary look-up."""
    for owner, name, wrapper in _WRAPPERS:
        original = getattr(owner, name, None)
        if original is None or hasattr(original, _MARK):
            continue
        wrapped = functools.wraps(original)(wrapper(original))
        setattr(wrapped, _MARK, original)
        setattr(owner, name, wrapped)


def missing() -> list[str]:
    """Return the names of the write methods of the running Django that are not wrapped."""
    return [
        f"{owner.__name__}.{name}"
        for owner, name, _ in _WRAPPERS
        if hasattr(owner, name) and not hasattr(getattr(owner, name), _MARK)
    ]


def _insert(original: Execute) -> Execute:
    def execute_sql(self: Compiler, returning_fields: Any = None) -> Any:
        shape = _shape(self)
        if shape is None:
            return unwatched(original, self, returning_fields)
        source = FIXTURE if getattr(self.query, "raw", False) else ""
        if captors.is_captor(self.connection, shape.table):
            write = functools.partial(unwatched, original, self, returning_fields)
            return captors.leave(self, shape, write, source)
        if plan := _plan(self, shape):
            return one_statement.insert(self, shape, plan, returning_fields, source)
        is_short = statements.is_one_insert(self) and _is_ours_alone(shape)
        with short_trips.transaction_for(self.connection, is_short=is_short):
            written = unwatched(statements.insert, self, shape, original, returning_fields)
            watched(write_entries, shape, written.rows, self.using, source=source)
        return written.result

    return execute_sql


def _update(original: Execute) -> Execute:
    def execute_sql(self: Compiler, result_type: Any) -> Any:
        shape = _shape(self)
        if shape is None:
            return unwatched(original, self, result_type)
        if captors.is_captor(self.connection, shape.table):
            write = functools.partial(unwatched, original, self, result_type)
            return captors.leave(self, shape, write)
        if statements.is_plain_update(self, shape) and (plan := _plan(self, shape)):
            return one_statement.update(self, shape, plan)
        is_short = statements.is_one_update(self, shape) and _is_ours_alone(shape)
        with short_trips.transaction_for(self.connection, is_short=is_short):
            written = unwatched(statements.update, self, shape, original, result_type)
            watched(write_entries, shape, written.rows, self.using)
        return written.result

    return execute_sql


def _update_returning(original: Execute) -> Execute:
    def execute_returning_sql(self: Compiler, returning_fields: Any) -> Any:
        shape = _shape(self)
        if shape is None:
            return unwatched(original, self, returning_fields)
        if captors.is_captor(self.connection, shape.table):
            write = functools.partial(unwatched, original, self, returning_fields)
            return captors.leave(self, shape, write)
        if statements.is_plain_update(self, shape) and (plan := _plan(self, shape)):
            return one_statement.update_returning(self, shape, plan, returning_fields)
        if not statements.can_return_rows(self.connection):
            return [()] * self.execute_sql(ROW_COUNT)
        is_short = statements.is_one_update(self, shape) and _is_ours_alone(shape)
        with short_trips.transaction_for(self.connection, is_short=is_short):
            written = unwatched(statements.update_returning, self, shape, returning_fields)
            watched(write_entries, shape, written.rows, self.using)
        return written.result

    return execute_returning_sql


def _delete(original: Execute) -> Execute:
    def execute_sql(self: Compiler, result_type: Any) -> Any:
        if cascades.reaches(self, _shape_of):
            write = functools.partial(unwatched, original)
            return cascades.delete(self, write, result_type, _shape_of)
        shape = _shape(self)
        if shape is None:
            return unwatched(original, self, result_type)
        if captors.is_captor(self.connection, shape.table):
            write = functools.partial(unwatched, original, self, result_type)
            return captors.leave(self, shape, write)
        if plan := _plan(self, shape):
            return one_statement.delete(self, shape, plan)
        with transaction.atomic(using=self.using, savepoint=False):
            written = unwatched(statements.delete, self, shape, original, result_type)
            watched(write_entries, shape, written.rows, self.using)
        return written.result

    return execute_sql


def _batched_insert(original: Execute) -> Execute:
    """Let a `bulk_create` of any number of batches cost one statement more at most."""

    def batched_insert(self: Any, *args: Any, **kwargs: Any) -> Any:
        if registry.find(self.model._meta.db_table) is None:
            return original(self, *args, **kwargs)
        with transaction.atomic(using=self.db, savepoint=False), gathered(self.db):
            return original(self, *args, **kwargs)

    return batched_insert


def _save_of_a_fixture(original: Execute) -> Execute:
    """Say of all rows of a deserialised object where they come from: an insert can be seen to be
    raw, an update and many-to-many rows cannot."""

    def save(self: Any, *args: Any, **kwargs: Any) -> Any:
        with entered(dataclasses.replace(current(), source=FIXTURE)):
            return original(self, *args, **kwargs)

    return save


def _plan(compiler: Compiler, shape: Shape) -> Plan | None:
    """Return how the database records the write by itself, where nobody waits for the entries.

    Where other tables have triggers, these have to be told which transaction it is.
    """
    plan = plan_for(compiler.connection, shape)
    if plan is None or has_listeners() or captors.has_captors(compiler.connection):
        return None
    return plan


def _is_ours_alone(shape: Shape) -> bool:
    """Tell whether no code of the host runs between a write and the end of its transaction."""
    return not callable(shape.registration.audience) and not has_listeners()


def _shape(compiler: Compiler) -> Shape | None:
    return _shape_of(compiler.connection, compiler.query.get_meta())


def _shape_of(connection: Any, meta: Any) -> Shape | None:
    registration = registry.find(meta.db_table)
    if registration is None:
        return None
    model = meta.concrete_model
    if model.__module__ == "__fake__" and _is_too_early(connection, registration, model):
        return None
    return shape_of(registration, model)


def _is_too_early(connection: Any, registration: Registration, model: Any) -> bool:
    """Tell whether a data migration runs before the log's table, or before the columns that a
    change is recorded with, exist.

    Only historical models can: their rows are what `sync_backfill` is for.
    """
    return not registration.can_record(model) or not log_exists(connection)


def log_exists(connection: Any) -> bool:
    """Tell whether a database has the log's table yet; once it has, nobody asks it again."""
    if not getattr(connection, _LOG_EXISTS, False):
        setattr(connection, _LOG_EXISTS, "sync_log" in connection.introspection.table_names())
    return bool(getattr(connection, _LOG_EXISTS))


_WRAPPERS: Final = (
    (SQLInsertCompiler, "execute_sql", _insert),
    (SQLUpdateCompiler, "execute_sql", _update),
    (SQLUpdateCompiler, "execute_returning_sql", _update_returning),
    (SQLDeleteCompiler, "execute_sql", _delete),
    (QuerySet, "_batched_insert", _batched_insert),
    (DeserializedObject, "save", _save_of_a_fixture),
)
