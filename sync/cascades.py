"""Records what the database itself does to other rows when one is deleted.

`DB_CASCADE`, `DB_SET_NULL` and `DB_SET_DEFAULT` (Django 6.1) pass no ORM write: the one DELETE of
the parent is all that Django executes. So the rows that may be reached are locked and read before
it, and looked at again after it, in the same transaction: what is gone was deleted, what differs
was updated. Nothing is concluded from the actions alone, for a database may not carry them out,
as SQLite does not while its foreign keys are switched off.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import class_prepared
from django.db.models.sql import Query
from django.db.models.sql.constants import ROW_COUNT

from sync import captors
from sync.recording import DELETE, UPDATE, Row, write_entries
from sync.shape import Compiler, Shape, columns

Execute = Callable[..., Any]
FindShape = Callable[[Any, Any], Shape | None]
"""Tells how the table of a model's options is recorded: arguments are connection and options."""

Model = type[models.Model]
Key = tuple[Any, ...]

CHUNK: Final = 500
"""Rows looked up by one statement: below the 999 parameters of SQLite."""

_actions: WeakKeyDictionary[Model, tuple[Any, ...]] = WeakKeyDictionary()


def actions_on(model: Model) -> tuple[Any, ...]:
    """Return the foreign keys to a model on which the database acts by itself."""
    found = _actions.get(model)
    if found is None:
        found = _actions[model] = tuple(_find_actions(model))
    return found


def reaches(compiler: Compiler, find_shape: FindShape) -> bool:
    """Tell whether a DELETE makes the database change other rows that are recorded."""
    model = compiler.query.get_meta().concrete_model
    if not actions_on(model):
        return False
    below = _models_below(model, compiler.connection)
    return any(find_shape(compiler.connection, reached._meta) for reached in below)


def delete(
    compiler: Compiler, original: Execute, result_type: Any, find_shape: FindShape
) -> int | None:
    """Execute a DELETE and record the rows it deletes and what the database does to others.

    Tables that record their changes themselves are left to that. Returns what Django's own method
    returns: the number of rows the statement itself deleted.
    """
    connection = compiler.connection
    write: Callable[[], Any] = functools.partial(original, compiler, result_type)
    model = compiler.query.get_meta().concrete_model
    find = functools.partial(_find_unaided, find_shape, connection)
    models_touched = {model} | _models_below(model, connection)
    for touched in models_touched:
        shape = find_shape(connection, touched._meta)
        if shape is not None and captors.is_captor(connection, shape.table):
            write = functools.partial(captors.leave, compiler, shape, write)
    if not any(find(touched._meta) for touched in models_touched):
        return write()  # type: ignore[no-any-return]
    with transaction.atomic(using=compiler.using, savepoint=False):
        return _delete_and_record(compiler, write, result_type, Reach(connection, find))


def _delete_and_record(
    compiler: Compiler, write: Callable[[], Any], result_type: Any, reach: Reach
) -> int | None:
    keys = reach.start(compiler)
    if not keys:
        return 0 if result_type == ROW_COUNT else None
    if reach.can_lock:
        # What matches by now may be more than what was locked.
        compiler.query.clear_where()
        compiler.query.add_filter("pk__in", keys)
    result: int | None = write()
    reach.record()
    return result


def _find_unaided(find_shape: FindShape, connection: Any, meta: Any) -> Shape | None:
    """Return how a table is recorded, unless its own triggers do it."""
    shape = find_shape(connection, meta)
    if shape is None or captors.is_captor(connection, shape.table):
        return None
    return shape


class Reach:
    """The rows that a DELETE may touch, in its own table and in others, as they are before it."""

    def __init__(
        self, connection: BaseDatabaseWrapper, find: Callable[[Any], Shape | None]
    ) -> None:
        self.can_lock: bool = connection.features.has_select_for_update
        self._connection = connection
        self._using = connection.alias
        self._find = find
        self._rows: dict[Model, dict[Key, Row]] = {}
        self._deleted: dict[Model, set[Key]] = {}
        self._waiting: list[tuple[Model, list[Row]]] = []

    def start(self, compiler: Compiler) -> list[Any]:
        """Lock and read the rows that the statement matches, and all that hang on them.

        Returns the primary keys of the matched rows.
        """
        model = compiler.query.get_meta().concrete_model
        names = self._columns(model)
        self._add(model, self._locked(_matched(compiler, model), names), is_deleted=True)
        keys = list(self._rows[model])
        while self._waiting:
            self._follow(*self._waiting.pop())
        return _pks(model, keys)

    def record(self) -> None:
        """Record what has become of the rows; to be called after the statement."""
        for model, rows in self._rows.items():
            shape = self._find(model._meta)
            if shape is not None:
                write_entries(shape, self._changes(shape, rows), self._using)

    def _changes(self, shape: Shape, rows: dict[Key, Row]) -> Iterator[tuple[str, Row]]:
        width = len(shape.names)
        for keys in _chunks(list(rows)):
            left = {
                shape.key(row): row for row in shape.select(_pks(shape.model, keys), self._using)
            }
            for key in keys:
                before = rows[key][:width]
                if key not in left:
                    yield DELETE, before
                elif left[key] != before:
                    yield UPDATE, left[key]

    def _add(self, model: Model, rows: Iterable[Row], *, is_deleted: bool) -> None:
        """Remember rows, and note those that are deleted, to be followed to what hangs on them."""
        names = self._columns(model)
        key = columns([names.index(field.attname) for field in model._meta.pk_fields])
        by_key = {key(row): row for row in rows}
        self._rows.setdefault(model, {}).update(by_key)
        if not is_deleted:
            return
        deleted = self._deleted.setdefault(model, set())
        fresh = [row for found, row in by_key.items() if found not in deleted]
        deleted.update(by_key)
        if fresh:
            self._waiting.append((model, fresh))

    def _follow(self, model: Model, rows: list[Row]) -> None:
        """Lock and read the rows that point at deleted ones."""
        names = self._columns(model)
        for field in _actions_in(self._connection, model):
            child = field.model
            target = names.index(field.target_field.attname)
            cascades = field.remote_field.on_delete.operation == "CASCADE"
            for values in _chunks([row[target] for row in rows]):
                found = _all(child, self._using).filter(**{f"{field.attname}__in": values})
                self._add(child, self._locked(found, self._columns(child)), is_deleted=cascades)

    def _locked(self, found: models.QuerySet[Any], names: Sequence[str]) -> list[Row]:
        if self.can_lock:
            found = found.select_for_update()
        return list(found.values_list(*names))

    def _columns(self, model: Model) -> list[str]:
        """Return what is read of a table: what is recorded, first, and what others point at."""
        shape = self._find(model._meta)
        recorded = shape.names if shape is not None else []
        keys = [field.attname for field in model._meta.pk_fields]
        targets = [field.target_field.attname for field in actions_on(model)]
        return list(dict.fromkeys([*recorded, *keys, *targets]))


def _matched(compiler: Compiler, model: Model) -> models.QuerySet[Any]:
    """Return the rows of a DELETE, freed of what PostgreSQL refuses to lock."""
    query = compiler.query.chain(klass=Query)
    query.clear_ordering(force=True)
    query.clear_select_clause()
    query.extra = {}
    if compiler.single_alias and query.group_by is None and not query.distinct:
        return models.QuerySet(model, query=query, using=compiler.using)
    query.add_fields([model._meta.pk.name])
    return _all(model, compiler.using).filter(pk__in=query)


def _all(model: Model, using: str) -> models.QuerySet[Any]:
    """Return every row of a table, whatever a manager of the host would hide."""
    return models.QuerySet(model, using=using)


def _models_below(model: Model, connection: BaseDatabaseWrapper) -> set[Model]:
    """Return the models that the database may change when a row of this one is deleted."""
    found: set[Model] = set()
    waiting = [model]
    while waiting:
        for field in _actions_in(connection, waiting.pop()):
            if field.model not in found:
                found.add(field.model)
                waiting.append(field.model)
    return found


def _actions_in(connection: BaseDatabaseWrapper, model: Model) -> Iterator[Any]:
    """Yield the foreign keys to a model whose own table is in this database."""
    for field in actions_on(model):
        meta = field.model._meta
        can_exist = meta.required_db_vendor in {None, connection.vendor} and all(
            getattr(connection.features, feature, False) for feature in meta.required_db_features
        )
        if can_exist and router.allow_migrate_model(connection.alias, field.model):
            yield field


def _find_actions(model: Model) -> Iterator[Any]:
    for relation in model._meta.get_fields(include_hidden=True):
        field = getattr(relation, "field", None)
        if field is None or not relation.auto_created or relation.concrete:
            continue
        if not hasattr(getattr(field.remote_field, "on_delete", None), "on_delete_sql"):
            continue
        # A child inherits the relations of its multi-table parent, but not the parent's column.
        if field.target_field.model._meta.concrete_model is model._meta.concrete_model:
            yield field


def _pks(model: Model, keys: list[Key]) -> list[Any]:
    return keys if len(model._meta.pk_fields) > 1 else [key[0] for key in keys]


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _forget(**kwargs: Any) -> None:
    """Look anew once a model is made: it may point at one that was looked at before."""
    _actions.clear()


class_prepared.connect(_forget, dispatch_uid="sync.cascades")
