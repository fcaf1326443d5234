"""Executes an UPDATE or DELETE so that it returns the rows it touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db.models.lookups import Exact, In

from sync import streaming
from sync.shape import Compiler
from sync.spool import Row

_PLANS: Final = "_sync_returning"


class Returned:
    """The rows that a statement returned, with Python values; can be read once."""

    def __init__(self, rows: Iterator[Row], count: int) -> None:
        self._rows = rows
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        return self._rows


def execute(compiler: Compiler, fields: Sequence[Any]) -> Returned:
    """Execute an UPDATE or DELETE and return these fields; no rows where there is no statement."""
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        sql, params = "", ()
    if not sql:
        return Returned(iter(()), 0)
    plan = _plan(compiler, fields)
    sql = f"{sql} RETURNING {plan.columns}"
    if is_about_one(compiler):
        rows: Any = streaming.fetch(compiler.connection, sql, params)
    else:
        rows = streaming.execute(compiler.connection, sql, params)
    return Returned(plan.converted(compiler, rows), len(rows))


def converted(compiler: Compiler, fields: Sequence[Any], rows: Iterable[Row]) -> Iterator[Row]:
    """Return raw rows with the values that the model's fields have in Python."""
    return _plan(compiler, fields).converted(compiler, rows)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for every statement that returns some fields over one connection.

    Holds on to the fields, by whose identity it is found.
    """

    fields: tuple[Any, ...]
    columns: str
    converters: Any

    def converted(self, compiler: Compiler, rows: Iterable[Row]) -> Iterator[Row]:
        if not self.converters:
            return iter(rows)
        return map(tuple, compiler.apply_converters(rows, self.converters))


def _plan(compiler: Compiler, fields: Sequence[Any]) -> _Plan:
    connection = compiler.connection
    plans: dict[Any, _Plan] = connection.__dict__.setdefault(_PLANS, {})
    key = tuple(map(id, fields))
    plan = plans.get(key)
    if plan is None:
        table = compiler.query.get_meta().db_table
        quote = connection.ops.quote_name
        columns = ", ".join(f"{quote(table)}.{quote(field.column)}" for field in fields)
        converters = compiler.get_converters([field.get_col(table) for field in fields])
        plan = plans[key] = _Plan(tuple(fields), columns, converters)
    return plan


def is_about_one(compiler: Compiler) -> bool:
    """Tell whether the condition is that of a `save()` or `delete()` of one record: one primary
    key, so one row at most."""
    where = compiler.query.where
    if len(where.children) != 1 or where.negated:
        return False
    [condition] = where.children
    target = getattr(getattr(condition, "lhs", None), "target", None)
    if target is None or target not in compiler.query.get_meta().pk_fields:
        return False
    return bool(target.primary_key) and _names_one(condition)


def _names_one(condition: Any) -> bool:
    if isinstance(condition, In):
        return isinstance(condition.rhs, list | tuple) and len(condition.rhs) == 1
    return isinstance(condition, Exact)
