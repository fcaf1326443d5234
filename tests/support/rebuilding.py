"""Makes rows out of the log's text, as whoever restores a table from the log alone would."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, models

import sync
from sync import codec
from sync.registry import Registration, registry
from tests.support.state import State

Rows = dict[str, dict[str, dict[str, Any]]]
"""Column values by table and record id."""


def rows_of_database() -> Rows:
    """Return the registered columns of every registered table, as Python values."""
    return {
        registration.table: {
            codec.record_id([row[name] for name in keys(registration)], key_fields(registration)): {
                name: comparable(row[name], field)
                for name, field in synced_fields(registration).items()
            }
            for row in every_row(registration)
        }
        for registration in registry
    }


def rebuild(state: State) -> None:
    """Empty every registered table and fill it again from encoded records."""
    tables = {registration.table: registration for registration in registry}
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table in tables:
            with sync.allow_raw_sql():
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        for (table, _), values in state.items():
            insert(tables[table], values)
    connection.check_constraints()


def insert(registration: Registration, values: dict[str, Any]) -> None:
    """Insert one row of one table, with nothing filled in but what did not sync."""
    model = registration.model
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    row = model()
    for field in fields:
        if field.attname in values:
            setattr(row, field.attname, decoded(values[field.attname], field))
    models.QuerySet(model)._insert([row], fields=fields, raw=True)


def decoded(value: Any, field: models.Field[Any, Any]) -> Any:
    """Return a value of the log as the field has it in Python.

    Its text is what the field itself parses. Exact but for numbers within JSON that a reader of
    JSON may round: the log has those as text.
    """
    return comparable(field.to_python(value), field)


def comparable(value: Any, field: models.Field[Any, Any]) -> Any:
    if isinstance(field, models.JSONField):
        return codec.encode_value(value)
    return bytes(value) if isinstance(value, memoryview) else value


def every_row(registration: Registration) -> Iterable[dict[str, Any]]:
    wanted = {*synced_fields(registration), *keys(registration)}
    return models.QuerySet(registration.model).order_by().values(*wanted)


def synced_fields(registration: Registration) -> dict[str, models.Field[Any, Any]]:
    return {
        field.attname: field
        for field in registration.model._meta.local_concrete_fields
        if field.attname in registration.fields
    }


def keys(registration: Registration) -> list[str]:
    return [field.attname for field in key_fields(registration)]


def key_fields(registration: Registration) -> list[models.Field[Any, Any]]:
    return list(registration.model._meta.pk_fields)
