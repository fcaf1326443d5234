"""Inserts whose outcome has to be found out: upserts, ignored conflicts, no RETURNING at all."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import models
from django.db.models.constants import OnConflict

from sync import returning
from sync.errors import CaptureError
from sync.recording import INSERT, UPDATE, Row
from sync.shape import Compiler, Shape, columns

Execute = Callable[..., Any]
Actions = list[tuple[str, Row]]

LOOKUP_CHUNK = 100
"""Objects looked up by one statement: their unique values stay below SQLite's 999 parameters."""


def upsert_returning(compiler: Compiler, shape: Shape, wanted: Sequence[Any]) -> Actions:
    """Execute a conflict-handling INSERT and tell inserted rows from updated ones.

    PostgreSQL says so itself: a row version that no transaction replaced has `xmax` 0. Elsewhere
    what exists before the statement, in its transaction, is what it updates; so is what it has
    inserted itself when it comes upon the same key again.
    """
    updates = compiler.query.on_conflict == OnConflict.UPDATE
    asks = updates and compiler.connection.vendor == "postgresql"
    existing = _existing_keys(compiler, shape) if updates and not asks else set()
    rows, flags = _execute(compiler, wanted, asks)
    if asks:
        actions = [INSERT if inserted else UPDATE for inserted in flags]
        return list(zip(actions, rows, strict=True))
    key_of = columns([wanted.index(field) for field in shape.key_fields])
    actions = []
    for row in rows:
        actions.append(UPDATE if key_of(row) in existing else INSERT)
        existing.add(key_of(row))
    return list(zip(actions, rows, strict=True))


def are_possible(compiler: Compiler, shape: Shape) -> bool:
    """Tell whether rows may be in the way of an INSERT, other than by constraints with conditions
    or expressions, which databases that return no rows lack."""
    return bool(_conflict_targets(compiler, shape))


def insert_and_read(
    compiler: Compiler, shape: Shape, original: Execute, requested: Any
) -> tuple[Actions, Any]:
    """Insert where the database cannot return rows, and read them back by their keys."""
    if compiler.query.on_conflict is None or not are_possible(compiler, shape):
        result = original(compiler, requested)
        pks = _inserted_keys(compiler, shape)
        return [(INSERT, row) for row in shape.select(pks, compiler.using)], result
    before = {shape.key(row): row for row in _rows_in_the_way(compiler, shape)}
    result = original(compiler, requested)
    after = {shape.key(row): row for row in _rows_in_the_way(compiler, shape)}
    return [
        (UPDATE if key in before else INSERT, row)
        for key, row in after.items()
        if before.get(key) != row
    ], result


def _execute(
    compiler: Compiler, wanted: Sequence[Any], ask_inserted: bool
) -> tuple[list[Row], list[bool]]:
    compiler.returning_fields = wanted
    [(sql, params)] = compiler.as_sql()
    if ask_inserted:
        sql += ", (xmax = 0)"
    with compiler.connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    flags = [row[-1] for row in rows] if ask_inserted else []
    width = len(wanted)
    return list(returning.converted(compiler, wanted, [row[:width] for row in rows])), flags


def _existing_keys(compiler: Compiler, shape: Shape) -> set[tuple[Any, ...]]:
    return {shape.key(row) for row in _rows_in_the_way(compiler, shape)}


def _rows_in_the_way(compiler: Compiler, shape: Shape) -> Iterator[Row]:
    """Read the rows that share a unique value with the objects to be inserted."""
    targets = _conflict_targets(compiler, shape)
    if not targets:
        return
    objs = compiler.query.objs
    rows: models.QuerySet[Any] = models.QuerySet(shape.model, using=compiler.using)
    for start in range(0, len(objs), LOOKUP_CHUNK):
        matches = (
            models.Q(**{f.attname: getattr(obj, f.attname) for f in target})
            for obj in objs[start : start + LOOKUP_CHUNK]
            for target in targets
        )
        yield from rows.filter(functools.reduce(operator.or_, matches)).values_list(*shape.names)


def _conflict_targets(compiler: Compiler, shape: Shape) -> list[list[Any]]:
    """Return the field sets on which this INSERT may conflict."""
    if compiler.query.unique_fields:
        return [list(compiler.query.unique_fields)]
    meta = shape.model._meta
    sets: Iterable[Iterable[str]] = [
        *([field.name] for field in meta.local_concrete_fields if field.unique),
        *meta.unique_together,
        *(constraint.fields for constraint in meta.total_unique_constraints),
        [field.name for field in meta.pk_fields],
    ]
    inserted = set(compiler.query.fields)
    targets = [[meta.get_field(name) for name in names] for names in sets]
    return [target for target in targets if inserted.issuperset(target)]


def _inserted_keys(compiler: Compiler, shape: Shape) -> list[Any]:
    query = compiler.query
    if set(query.fields).issuperset(shape.key_fields):
        # Not obj.pk: while parents of a multi-table child are saved, the child has no key yet.
        key_of = operator.attrgetter(*(field.attname for field in shape.key_fields))
        return [key_of(obj) for obj in query.objs]
    if shape.model._meta.auto_field is None:
        raise CaptureError(
            f"{compiler.connection.display_name} does not say which {shape.table} records were"
            " inserted: set their primary key before saving."
        )
    with compiler.connection.cursor() as cursor:
        # MySQL gives one INSERT consecutive ids, and this is the first of them (manual, 16.1.1:
        # "simple inserts"), also where replication makes the increment larger than one.
        cursor.execute("SELECT LAST_INSERT_ID(), @@auto_increment_increment, ROW_COUNT()")
        first, step, inserted = cursor.fetchone()
    # Without an insert, the id is that of an earlier statement.
    return [first + index * step for index in range(len(query.objs))] if inserted else []
