"""Inserts entries of the log: one statement for those of one write, whatever their number."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save

from sync import codec, short_trips
from sync.signals import recorded

if TYPE_CHECKING:
    from sync.models import SyncLog


class Entry(NamedTuple):
    """What differs between the entries of one write."""

    record_id: str
    action: str
    data: str
    audience: str


_OWN: Final = Entry._fields
NEW: Final = {"event": "''", "cause": "''", "codec": str(codec.VERSION)}
"""What an entry is that is not published yet, as SQL."""

MAX_GATHERED: Final = 2000
"""Entries of several statements that are held back to be inserted together."""

_GATHERING: Final = "_sync_gathering"


def insert_entries(using: str, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Insert entries that share the `common` columns, in their order, in the open transaction.

    Sends `recorded`. Instances are made, and `post_save` is sent for each, only where somebody
    listens.
    """
    gathering: _Gathering | None = getattr(connections[using], _GATHERING, None)
    if gathering is not None:
        gathering.add(common, entries)
        return
    _insert(using, common, entries)
    recorded.send(log_model(), using=using, transaction=common["transaction"])


@contextmanager
def gathered(using: str) -> Iterator[None]:
    """Insert together what several statements of one write record, at the end of the block.

    Only for a block inside a transaction that runs no code of the host: entries of a savepoint that
    is rolled back within it would be inserted all the same.
    """
    connection = connections[using]
    if hasattr(connection, _GATHERING):
        yield
        return
    gathering = _Gathering(using)
    setattr(connection, _GATHERING, gathering)
    try:
        yield
    finally:
        delattr(connection, _GATHERING)
    gathering.flush()


class _Gathering:
    def __init__(self, using: str) -> None:
        self._using = using
        self._common: Mapping[str, Any] = {}
        self._entries: list[Entry] = []

    def add(self, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
        if len(self._entries) >= MAX_GATHERED or not self._goes_with(common):
            self.flush()
        self._common = self._common or common
        self._entries += entries

    def flush(self) -> None:
        if self._entries:
            _insert(self._using, self._common, self._entries)
            mark = self._common["transaction"]
            recorded.send(log_model(), using=self._using, transaction=mark)
        self._common, self._entries = {}, []

    def _goes_with(self, common: Mapping[str, Any]) -> bool:
        return not self._common or {**common, "recorded_at": self._common["recorded_at"]} == dict(
            self._common
        )


def _insert(using: str, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    if has_listeners():
        _insert_and_tell(using, common, entries)
        return
    connection = connections[using]
    shared = tuple(common)
    values = [_adapted(connection, value) for value in common.values()]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and len(entries) > 1:
            rows_as_text = codec.to_json([entry._asdict() for entry in entries])
            cursor.execute(_insert_from_json(using, shared), [*values, rows_as_text])
        elif len(entries) == 1:
            short_trips.end_with_the_next(connection)
            cursor.execute(_insert_values(using, shared), [*values, *entries[0]])
        else:
            # In SQLite there is no way to travel; PyMySQL and mysqlclient make one INSERT of it.
            rows = [(*values, *entry) for entry in entries]
            cursor.executemany(_insert_values(using, shared), rows)


def has_listeners() -> bool:
    """Tell whether somebody wants to hear of each entry while its transaction is open."""
    return post_save.has_listeners(log_model())


@cache
def log_model() -> type[SyncLog]:
    """Return the model of the log, which cannot be imported before the apps are loaded."""
    from sync.models import SyncLog

    return SyncLog


def _adapted(connection: BaseDatabaseWrapper, value: Any) -> Any:
    """Return a value as Django's fields would send it, without asking each of them."""
    if isinstance(value, uuid.UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    if isinstance(value, datetime.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


def _insert_and_tell(using: str, common: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    log = log_model()
    rows = [log(**common, **entry._asdict()) for entry in entries]
    log._base_manager.using(using).bulk_create(rows)
    for row in rows:
        post_save.send(log, instance=row, created=True, update_fields=None, raw=False, using=using)


@cache
def _insert_values(using: str, shared: tuple[str, ...]) -> str:
    names = (*shared, *_OWN)
    values = ", ".join((*NEW.values(), *["%s"] * len(names)))
    return f"{into(using, names)} VALUES ({values})"


@cache
def _insert_from_json(using: str, shared: tuple[str, ...]) -> str:
    """Return an INSERT of rows that travel as one text, which psycopg writes in a tenth of the time
    that it takes for arrays; PostgreSQL takes ids in the order of the sorted rows."""
    own = ", ".join(f"new.{name}" for name in _OWN)
    columns = ", ".join(f"{name} text" for name in _OWN)
    values = ", ".join((*NEW.values(), *["%s"] * len(shared)))
    return (
        f"{into(using, (*shared, *_OWN))} SELECT {values}, {own}"
        f" FROM ROWS FROM (json_to_recordset(%s::json) AS ({columns}))"
        f" WITH ORDINALITY AS new({', '.join(_OWN)}, place) ORDER BY place"
    )


def into(using: str, names: tuple[str, ...]) -> str:
    """Return the beginning of an INSERT of entries that are `NEW` and have these columns."""
    quote = connections[using].ops.quote_name
    meta: Any = log_model()._meta
    columns = ", ".join(quote(meta.get_field(name).column) for name in (*NEW, *names))
    return f"INSERT INTO {quote(meta.db_table)} ({columns})"
