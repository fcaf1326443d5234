"""Inserts entries of the log: one statement for those of one write, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save

from sync import codec

if TYPE_CHECKING:
    from sync.models import SyncLog


class Entry(NamedTuple):
    """What differs between the entries of one write."""

    record_id: str
    action: str
    data: str
    audience: str


_OWN: Final = Entry._fields
_NEW: Final = {"event": "", "cause": "", "latest": False, "codec": codec.VERSION}
"""What an entry is that is not published yet."""


def insert_entries(using: str, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Insert entries that share the `common` columns, in their order, in the open transaction.

    Instances are made, and `post_save` is sent for each, only where somebody listens.
    """
    if post_save.has_listeners(log_model()):
        _insert_and_tell(using, common, entries)
        return
    connection = connections[using]
    shared = {**_NEW, **common}
    values = _prepared(shared, connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and len(entries) > 1:
            columns = [list(column) for column in zip(*entries, strict=True)]
            cursor.execute(_insert_from_arrays(using, tuple(shared)), [*values, *columns])
        elif len(entries) == 1:
            cursor.execute(_insert_values(using, tuple(shared)), [*values, *entries[0]])
        else:
            # In SQLite there is no way to travel; PyMySQL and mysqlclient make one INSERT of it.
            rows = [(*values, *entry) for entry in entries]
            cursor.executemany(_insert_values(using, tuple(shared)), rows)


@cache
def log_model() -> type[SyncLog]:
    """Return the model of the log, which cannot be imported before the apps are loaded."""
    from sync.models import SyncLog

    return SyncLog


def _prepared(shared: Mapping[str, Any], connection: BaseDatabaseWrapper) -> list[Any]:
    field: Any = log_model()._meta.get_field
    return [field(n).get_db_prep_save(value, connection) for n, value in shared.items()]


def _insert_and_tell(using: str, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    log = log_model()
    rows = [log(**common, **entry._asdict()) for entry in entries]
    log._base_manager.using(using).bulk_create(rows)
    for row in rows:
        post_save.send(log, instance=row, created=True, update_fields=None, raw=False, using=using)


@cache
def _insert_values(using: str, shared: tuple[str, ...]) -> str:
    names = (*shared, *_OWN)
    return f"{_into(using, names)} VALUES ({', '.join(['%s'] * len(names))})"


@cache
def _insert_from_arrays(using: str, shared: tuple[str, ...]) -> str:
    """Return an INSERT of arrays; PostgreSQL takes ids in the order of the sorted rows."""
    own = ", ".join(f"new.{name}" for name in _OWN)
    arrays = ", ".join(["%s::text[]"] * len(_OWN))
    return (
        f"{_into(using, (*shared, *_OWN))} SELECT {', '.join(['%s'] * len(shared))}, {own}"
        f" FROM unnest({arrays}) WITH ORDINALITY AS new({', '.join(_OWN)}, place) ORDER BY place"
    )


def _into(using: str, names: tuple[str, ...]) -> str:
    quote = connections[using].ops.quote_name
    meta: Any = log_model()._meta
    columns = ", ".join(quote(meta.get_field(name).column) for name in names)
    return f"INSERT INTO {quote(meta.db_table)} ({columns})"
