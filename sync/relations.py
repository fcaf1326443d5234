"""Which registered models point at a model: by a foreign key, a many-to-many row or a generic
foreign key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, UniqueConstraint

from sync import codec
from sync.registry import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """The rows of a model that point at one record: those that have certain values."""

    model: type[Model]
    values: Mapping[str, Any]
    """What their columns hold, by attribute name."""

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def is_indexed(self) -> bool:
        """Tell whether the database finds the rows without reading all of the table."""
        most_telling = list(self.values)[-1]
        return any(
            columns[0] == most_telling or set(columns[: len(self.values)]) == self.values.keys()
            for columns in _indexes(self.model)
        )

    @property
    def fragments(self) -> list[str]:
        """What the canonical text of such a row holds, each of them."""
        fields = {field.attname: field for field in self.model._meta.local_concrete_fields}
        encoded = {
            name: codec.encode_value(value, fields.get(name)) for name, value in self.values.items()
        }
        return [codec.to_json({name: value})[1:-1] for name, value in encoded.items()]


def relations(model: type[Model], values: Mapping[str, Any]) -> list[Relation]:
    """Return what points at a record of a model's own table; `values` are those that others can
    point at, by attribute name. What is not registered is left out."""
    found = [*_foreign_keys(model, values), *_generic(model, values)]
    return [one for one in found if one.model in registry]


def targets(model: type[Model], record_id: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a record that others can point at: its key, and of `held`, the encoded
    values of its newest entry, what foreign keys with `to_field` hold."""
    meta = model._meta
    keys: Sequence[Any] = meta.pk_fields
    named = {key.attname: record_id for key in keys} if len(keys) == 1 else {}
    fields = {field.attname: field for field in meta.local_concrete_fields}
    found = {}
    for name, value in ({**held, **named}).items():
        try:
            found[name] = fields[name].to_python(value)
        except (KeyError, ValidationError):
            continue  # of a column that is no longer there, or had another type
    return found


def _foreign_keys(model: type[Model], values: Mapping[str, Any]) -> Iterator[Relation]:
    for one in model._meta.get_fields(include_parents=False, include_hidden=True):
        field = getattr(one, "field", None)
        if not one.auto_created or one.concrete or not isinstance(field, ForeignKey):
            continue
        target = field.target_field.attname
        if values.get(target) is not None and not field.model._meta.proxy:
            yield Relation(field.model, {field.attname: values[target]})


def _generic(model: type[Model], values: Mapping[str, Any]) -> Iterator[Relation]:
    pk: Any = model._meta.pk
    for one in model._meta.private_fields:
        if not isinstance(one, GenericRelation) or values.get(pk.attname) is None:
            continue
        child: Any = one.related_model
        kind = child._meta.get_field(one.content_type_field_name)
        subject = child._meta.get_field(one.object_id_field_name)
        content_type = ContentType.objects.get_for_model(
            model, for_concrete_model=one.for_concrete_model
        )
        key = subject.to_python(values[pk.attname])
        yield Relation(child, {kind.attname: content_type.pk, subject.attname: key})


def _indexes(model: type[Model]) -> Iterator[Sequence[str]]:
    """Yield the columns, by attribute name, of each index over all rows of a table."""
    meta = model._meta
    names = {field.name: field.attname for field in meta.local_concrete_fields}
    fields: Sequence[Any] = meta.local_concrete_fields
    for field in fields:
        if field.db_index or field.unique:
            yield (field.attname,)
    several = [list(fields) for fields in meta.unique_together]
    several += [list(one.fields) for one in meta.indexes if one.condition is None]
    several += [
        list(one.fields)
        for one in meta.constraints
        if isinstance(one, UniqueConstraint) and one.condition is None
    ]
    for fields in filter(None, several):
        yield [names.get(name.removeprefix("-"), name) for name in fields]
