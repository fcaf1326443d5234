"""Pins a write to the rows it matches, where the database cannot return what it touched.

The rows are locked and named by their keys first, for afterwards the write's own condition may not
match them any more; then they are written and read, a bounded number at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models.sql import Query

from sync.shape import Compiler, Shape
from sync.spool import Row, Spool

Execute = Callable[..., Any]

KEYS: Final = 2000
"""Rows written by one statement; the keys of all are held in memory, the rows are not."""


def update(
    compiler: Compiler, shape: Shape, original: Execute, result_type: Any
) -> tuple[Spool, Any]:
    """Update the matched rows and return them as they are afterwards, with Django's result."""
    after, count = Spool(), 0
    for keys in _parts(compiler, shape, _may_split(compiler)):
        count += _write(compiler, keys, original, result_type) or 0
        after.extend(shape.select(keys, compiler.using))
    return after, count


def delete(
    compiler: Compiler, shape: Shape, original: Execute, result_type: Any
) -> tuple[Spool, Any]:
    """Delete the matched rows and return them as they were, with Django's result."""
    before, count = Spool(), 0
    for keys in _parts(compiler, shape, may_split=True):
        before.extend(shape.select(keys, compiler.using))
        count += _write(compiler, keys, original, result_type) or 0
    return before, count


def matched_rows(compiler: Compiler, shape: Shape, names: Sequence[str]) -> list[Row]:
    """Lock the rows that a write is going to touch, and read these columns of them."""
    query = compiler.query.chain(klass=Query)
    query.select_related = False
    query.clear_ordering(force=True)
    query.extra = {}
    query.select = ()
    if query.group_by is not None:
        query = _ungrouped(query, shape)
    query.add_fields(list(names))
    features = compiler.connection.features
    query.select_for_update = features.has_select_for_update
    # PostgreSQL refuses to lock the nullable side of an outer join that a condition brought in.
    query.select_for_update_of = ("self",) if features.has_select_for_update_of else ()
    try:
        rows = [tuple(row) for row in query.get_compiler(compiler.using).results_iter()]
    except EmptyResultSet:
        return []
    # A join to many gives a row once for each of them.
    key = [names.index(field.attname) for field in shape.key_fields]
    return list({tuple(row[index] for index in key): row for row in rows}.values())


def _ungrouped(query: Query, shape: Shape) -> Query:
    """Return a query of the rows that a grouped one finds: PostgreSQL refuses to lock a group."""
    query.add_fields([shape.model._meta.pk.name])
    outer = Query(shape.model)
    outer.add_q(models.Q(pk__in=query))
    return outer


def _parts(compiler: Compiler, shape: Shape, may_split: bool) -> Iterator[list[Any]]:
    names = [field.attname for field in shape.key_fields]
    rows = matched_rows(compiler, shape, names)
    keys: list[Any] = rows if len(names) > 1 else [key for (key,) in rows]
    size = KEYS if may_split else max(len(keys), 1)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _write(compiler: Compiler, keys: list[Any], original: Execute, result_type: Any) -> Any:
    compiler.query.clear_where()
    compiler.query.add_filter("pk__in", keys)
    return original(compiler, result_type)


def _may_split(compiler: Compiler) -> bool:
    """Tell whether the update may be several: one that looks at other rows must see them as they
    were before any of them was written."""
    return not any(_looks_around(value) for _, _, value in compiler.query.values)


def _looks_around(value: Any) -> bool:
    if isinstance(value, Query) or getattr(value, "subquery", False):
        return True
    sources: list[Any] = getattr(value, "get_source_expressions", list)()
    return any(_looks_around(source) for source in sources)
