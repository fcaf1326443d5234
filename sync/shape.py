"""Which columns of a table are read back after a write, and what each is needed for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import models

from sync import codec
from sync.errors import CaptureError
from sync.masking import mask
from sync.registry import Registration

Compiler = Any
"""A compiler of Django's ORM; its stubs do not describe the inside of queries."""

if TYPE_CHECKING:
    Field = models.Field[Any, Any]


class Shape:
    """The registered columns as one model class has them.

    A historical model of a data migration may lack columns that the registration names: what is
    recorded is what the database holds at that moment.
    """

    def __init__(self, registration: Registration, model: type[models.Model]) -> None:
        needed = registration.audience_fields
        self.registration = registration
        self.model = model
        self.table = registration.table
        self.fields: list[Field] = [
            field
            for field in model._meta.local_concrete_fields
            if needed is None or field.attname in registration.fields | needed
        ]
        self.names = [field.attname for field in self.fields]
        self.key_fields: list[Field] = list(model._meta.pk_fields)
        self._key = columns([self.names.index(field.attname) for field in self.key_fields])
        self._synced = [
            (name, index, self.fields[index])
            for index, name in enumerate(self.names)
            if name in registration.fields and name not in registration.redact
        ]
        self._masked = [
            (name, index, mask(registration.redact[name], self.table, self.fields[index]))
            for index, name in enumerate(self.names)
            if name in registration.redact
        ]
        self._audience = [(n, i) for i, n in enumerate(self.names) if needed and n in needed]

    def key(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row's primary key as a tuple, whether or not it is composite."""
        return self._key(row)

    def record_id(self, row: Sequence[Any]) -> str:
        """Return the text that names the row's record."""
        return self.id_of(self._key(row))

    def id_of(self, key: tuple[Any, ...]) -> str:
        """Return the text that names the record with this primary key."""
        return codec.record_id(key, self.key_fields)

    def data(self, row: Sequence[Any]) -> str:
        """Return the synced columns of a row as canonical text, without what must not be known."""
        values = {
            name: codec.encode_value(row[index], field) for name, index, field in self._synced
        }
        for name, index, masked in self._masked:
            values[name] = masked(row[index])
        return codec.to_json(values)

    def audience_values(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the columns that the audience's template names."""
        return {name: row[index] for name, index in self._audience}

    def instance(self, row: Sequence[Any], using: str) -> models.Model:
        """Return the row as an instance, for an audience that is a callable."""
        model = self.registration.model
        # A historical model may have its fields in another order than the model of today has.
        by_name = dict(zip(self.names, row, strict=True))
        known = [f.attname for f in model._meta.concrete_fields if f.attname in by_name]
        return model.from_db(using, known, [by_name[name] for name in known])

    def row_of(self, values: Mapping[str, Any]) -> list[Any]:
        """Return a mapping of column values as a row, or raise `CaptureError` naming the gap."""
        required = {field.attname for field in self.key_fields} | {n for n, _ in self._audience}
        if missing := sorted(required - values.keys()):
            raise CaptureError(f"A {self.table} record needs {', '.join(missing)}.")
        return [values.get(name) for name in self.names]

    def select(self, pks: Iterable[Any], using: str) -> Iterator[tuple[Any, ...]]:
        """Read the rows with these primary keys."""
        found: models.QuerySet[Any] = models.QuerySet(self.model, using=using).filter(
            pk__in=list(pks)
        )
        return iter(found.values_list(*self.names))


_shapes: WeakKeyDictionary[type[models.Model], Shape] = WeakKeyDictionary()


def shape_of(registration: Registration, model: type[models.Model]) -> Shape:
    """Return the shape of a registered table as this model class has it."""
    shape = _shapes.get(model)
    if shape is None or shape.registration is not registration:
        shape = _shapes[model] = Shape(registration, model)
    return shape


def columns(indexes: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return a getter that gives a tuple also for one column, which `itemgetter` alone does not."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    only = indexes[0]
    return lambda row: (row[only],)
