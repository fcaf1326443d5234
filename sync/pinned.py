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


def update_of_keys(
    compiler: Compiler, shape: Shape, original: Execute, result_type: Any
) -> tuple[list[Row], list[Row], Any]:
    """Update the primary keys of the matched rows; return the rows before and after, with Django's
    result. What the new keys are going to be is asked of the database itself, before the write."""
    names = [field.attname for field in shape.key_fields]
    keys = _keys(matched_rows(compiler, shape, names))
    before: list[Row] = list(shape.select(keys, compiler.using))
    new_keys = _keys_to_be(compiler, shape, keys)
    count = _write(compiler, keys, original, result_type) if keys else 0
    return before, list(shape.select(new_keys, compiler.using)), count


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
    query.distinct = False  # which PostgreSQL does not lock; the keys below tell rows apart
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


def _keys_to_be(compiler: Compiler, shape: Shape, keys: list[Any]) -> list[Any]:
    given = {field: value for field, _, value in compiler.query.values}
    new: dict[str, Any] = {
        f"sync_key_{index}": _as_expression(given.get(field, models.F(field.attname)), field)
        for index, field in enumerate(shape.key_fields)
    }
    rows: models.QuerySet[Any] = models.QuerySet(shape.model, using=compiler.using)
    return _keys(list(rows.filter(pk__in=keys).annotate(**new).values_list(*new)))


def _as_expression(value: Any, field: models.Field[Any, Any]) -> models.Expression:
    if hasattr(value, "resolve_expression"):
        return models.ExpressionWrapper(value, output_field=field)
    return models.Value(value, output_field=field)


def _parts(compiler: Compiler, shape: Shape, may_split: bool) -> Iterator[list[Any]]:
    names = [field.attname for field in shape.key_fields]
    keys = _keys(matched_rows(compiler, shape, names))
    size = KEYS if may_split else max(len(keys), 1)
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _keys(rows: list[Row]) -> list[Any]:
    return [key for (key,) in rows] if rows and len(rows[0]) == 1 else rows


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
