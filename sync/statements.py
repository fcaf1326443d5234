"""Executes a write and reads back exactly the rows it touched.

Where the database can return rows from a write (PostgreSQL, SQLite; MariaDB from an insert), the
write itself does; else the rows are locked and read around it, in the same transaction. Either way
they are what the database holds, never an attribute or an expression that was meant to be saved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from sync import conflicts, pinned, returning
from sync.recording import DELETE, INSERT, UPDATE, Row
from sync.shape import Compiler, Shape, columns

Execute = Callable[..., Any]
Field = Any


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What a write touched, as `(action, row)`, and what Django's own method would return."""

    rows: Iterable[tuple[str, Row]]
    result: Any


RETURNING_VENDORS: Final = frozenset({"postgresql", "sqlite"})


def can_return_rows(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether INSERT, UPDATE and DELETE alike can return the rows they touched."""
    features = connection.features
    return connection.vendor in RETURNING_VENDORS and bool(
        features.can_return_rows_from_bulk_insert
    )


def returns_upserts(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether an INSERT that handles conflicts returns the rows it inserted or updated."""
    return can_return_rows(connection) or bool(getattr(connection, "mysql_is_mariadb", False))


def insert(compiler: Compiler, shape: Shape, original: Execute, requested: Any) -> Written:
    """Insert and return the rows that were inserted, or updated by an upsert."""
    connection = compiler.connection
    conflict = compiler.query.on_conflict is not None
    returned = not conflict or returns_upserts(connection)
    if not connection.features.can_return_rows_from_bulk_insert or (
        not returned and conflicts.are_possible(compiler, shape)
    ):
        return Written(*conflicts.insert_and_read(compiler, shape, original, requested))
    wanted = _union(requested or (), shape.fields)
    if conflict and returned:
        rows = conflicts.upsert_returning(compiler, shape, wanted)
    else:
        rows = [(INSERT, row) for row in original(compiler, wanted)]
    pick = _picker(wanted, shape)
    recorded = [(action, pick(row)) for action, row in rows]
    return Written(recorded, [row[: len(requested)] for _, row in rows] if requested else [])


def is_one_insert(compiler: Compiler) -> bool:
    """Tell whether an insert is one statement that makes one row."""
    query = compiler.query
    return len(query.objs) == 1 and query.on_conflict is None


def is_one_update(compiler: Compiler, shape: Shape) -> bool:
    """Tell whether an update is one statement that changes one row at most."""
    return is_plain_update(compiler, shape) and returning.is_about_one(compiler)


def is_plain_update(compiler: Compiler, shape: Shape) -> bool:
    """Tell whether an update is one statement after which every record is who it was."""
    query = compiler.query
    return bool(query.values) and not query.related_updates and not _changes_key(compiler, shape)


def update(compiler: Compiler, shape: Shape, original: Execute, result_type: Any) -> Written:
    """Update and return the rows as they are afterwards."""
    if not compiler.query.values:
        return Written((), original(compiler, result_type))
    if not can_return_rows(compiler.connection):
        return _update_pinned(compiler, shape, original, result_type)
    before = _before_key_change(compiler, shape)
    returned = returning.execute(compiler, shape.fields)
    count = len(returned)
    for query in compiler.query.get_related_updates():
        related = query.get_compiler(compiler.using).execute_sql(result_type)
        count = count or related or 0
    return Written(_updated(shape, before, returned), count)


def update_returning(compiler: Compiler, shape: Shape, requested: Any) -> Written:
    """Update like `update`, and give Django the columns it asked to be returned."""
    if compiler.query.get_related_updates():
        raise NotImplementedError(
            "Update returning is not implemented for queries with related updates."
        )
    before = _before_key_change(compiler, shape)
    wanted = _union(requested, shape.fields)
    rows = list(returning.execute(compiler, wanted))
    recorded = map(_picker(wanted, shape), rows)
    return Written(_updated(shape, before, recorded), [row[: len(requested)] for row in rows])


def delete(compiler: Compiler, shape: Shape, original: Execute, result_type: Any) -> Written:
    """Delete and return the rows as they were."""
    if can_return_rows(compiler.connection):
        returned = returning.execute(compiler, shape.fields)
        return Written(((DELETE, row) for row in returned), len(returned))
    rows, count = pinned.delete(compiler, shape, original, result_type)
    return Written(((DELETE, row) for row in rows), count)


def _updated(shape: Shape, before: list[Row], rows: Iterable[Row]) -> Iterable[tuple[str, Row]]:
    """Return updates; where the primary key itself changed, the old record is deleted and the
    new one inserted, for to a client they are two records."""
    if not before:
        return ((UPDATE, row) for row in rows)
    old = {shape.key(row): row for row in before}
    new = {shape.key(row): row for row in rows}
    gone = [(DELETE, row) for key, row in old.items() if key not in new]
    return gone + [(UPDATE if key in old else INSERT, row) for key, row in new.items()]


def _update_pinned(
    compiler: Compiler, shape: Shape, original: Execute, result_type: Any
) -> Written:
    if _changes_key(compiler, shape):
        before, after, count = pinned.update_of_keys(compiler, shape, original, result_type)
        return Written(_updated(shape, before, after), count)
    rows, count = pinned.update(compiler, shape, original, result_type)
    return Written(((UPDATE, row) for row in rows), count)


def _before_key_change(compiler: Compiler, shape: Shape) -> list[Row]:
    return (
        pinned.matched_rows(compiler, shape, shape.names) if _changes_key(compiler, shape) else []
    )


def _changes_key(compiler: Compiler, shape: Shape) -> bool:
    return any(field in shape.key_fields for field, _, _ in compiler.query.values)


def _picker(wanted: Sequence[Any], shape: Shape) -> Callable[[Row], Row]:
    return columns([wanted.index(field) for field in shape.fields])


def _union(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [*first, *(field for field in second if field not in first)]
