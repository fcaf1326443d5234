"""The entries of a page as the texts that the log holds, column by column: what clients are sent is
composed of them without making an instance of any, or parsing what they say."""

from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connections
from django.utils import timezone

from sync import binary, codec
from sync.models import ARRIVED, SyncLog

_DELETE: Final = str(SyncLog.Action.DELETE)
_UPDATE: Final = str(SyncLog.Action.UPDATE)
_WITH_MICROSECONDS: Final = len("2026-01-31 12:00:00.000000")


class Kind(NamedTuple):
    """What the entries of a page have in common with many others."""

    table: str
    action: str
    changed: str | None
    audience: str
    cause: str
    client_id: str

    @property
    def is_new_to_audience(self) -> bool:
        """Whether it is an insert to those who hear it, as `SyncLog.is_new_to_audience` says."""
        return self.action == _UPDATE and (self.cause == ARRIVED or self.changed is None)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a page, with the fields and the names of `SyncLog`."""

    seq: int
    record_id: str
    data: str
    transaction: uuid.UUID
    published_at: datetime.datetime
    table: str
    action: str
    changed: str | None
    audience: str
    cause: str
    client_id: str

    @property
    def values(self) -> dict[str, Any]:
        """The record's encoded values; empty for an entry that says a record moved away."""
        return dict(codec.from_json(self.data)) if self.data else {}

    @property
    def changed_names(self) -> list[str] | None:
        """The names of the changed fields, or None where nothing precedes this entry."""
        return None if self.changed is None else list(codec.from_json(self.changed))


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Entries in the order of the log; `transactions` are dashed UUIDs, and `published` is in the
    form of the codec."""

    seqs: Sequence[int] = ()
    record_ids: Sequence[str] = ()
    data: Sequence[str] = ()
    transactions: Sequence[str] = ()
    published: Sequence[str] = ()
    kinds: Sequence[Kind] = ()

    def __len__(self) -> int:
        return len(self.seqs)

    def __add__(self, others: Rows) -> Rows:
        pairs = zip(self._columns, others._columns, strict=True)
        return Rows(*([*mine, *theirs] for mine, theirs in pairs)) if self else others

    def upto(self, end: int) -> Rows:
        """Return the first so many."""
        return Rows(*(column[:end] for column in self._columns))

    def entry(self, index: int) -> Entry:
        """Return one entry by itself."""
        return Entry(
            self.seqs[index],
            self.record_ids[index],
            self.data[index],
            uuid.UUID(self.transactions[index]),
            self.published_at(index),
            *self.kinds[index],
        )

    def published_at(self, index: int) -> datetime.datetime:
        """Return when an entry was published."""
        return datetime.datetime.fromisoformat(self.published[index])

    def at_rest(self) -> Rows:
        """Leave out the delete of a record where a later entry has what became of it."""
        if not any(kind.action == _DELETE for kind in self.kinds):
            return self
        records = [
            (kind.table, record) for kind, record in zip(self.kinds, self.record_ids, strict=True)
        ]
        newest = dict(zip(records, self.seqs, strict=True))
        stays = [
            kind.action != _DELETE or newest[record] == seq
            for kind, record, seq in zip(self.kinds, records, self.seqs, strict=True)
        ]
        return self if all(stays) else Rows(*(list(compress(c, stays)) for c in self._columns))

    @property
    def _columns(self) -> tuple[Sequence[Any], ...]:
        return (
            self.seqs,
            self.record_ids,
            self.data,
            self.transactions,
            self.published,
            self.kinds,
        )


def selected(vendor: str, quote: Callable[[str], str]) -> str:
    """Return the columns that `read` expects of a query, of the table that it calls `entry`.

    What many entries have in common comes off SQLite as one text, for there each column costs as
    much as all the rest of a row; off PostgreSQL an id comes as text, which its driver need not
    make an object of.
    """
    names = [f"entry.{quote(name)}" for name in Kind._fields]
    kind = f"json_array({', '.join(names)})" if vendor == "sqlite" else ", ".join(names)
    transaction = f"entry.{quote('transaction')}" + ("::text" if vendor == "postgresql" else "")
    published = "entry.published_at"
    if vendor == "sqlite":
        published = f"+{published}"  # else its driver makes an object of the text
    elif vendor == "postgresql" and settings.USE_TZ:
        published += " AT TIME ZONE 'UTC'"  # a time without a zone is quicker made into text
    return f"entry.seq, entry.record_id, entry.data, {transaction}, {published}, {kind}"


def read(using: str, sql: str, params: Sequence[Any]) -> Rows:
    """Execute a query of the `selected` columns and return its rows."""
    connection = connections[using]
    found = fetch(connection, sql, params)
    if not found:
        return Rows()
    seqs, record_ids, data, transactions, published, *kinds = zip(*found, strict=True)
    return Rows(
        seqs,
        record_ids,
        data,
        _dashed(transactions),
        _texts_of_times(published, _zone(connection)),
        _kinds(kinds),
    )


def fetch(connection: Any, sql: str, params: Sequence[Any]) -> Sequence[Any]:
    """Execute a query and return its rows as the driver makes them."""
    if connection.vendor == "postgresql":
        return binary.fetch(connection, sql, params)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: Sequence[Any] = cursor.fetchall()
    return rows


def _zone(connection: Any) -> datetime.tzinfo | None:
    """Return the zone of the times that a query returns without one."""
    is_utc = connection.vendor == "postgresql" and settings.USE_TZ
    zone: datetime.tzinfo | None = datetime.UTC if is_utc else connection.timezone
    return zone


def _kinds(columns: list[tuple[Any, ...]]) -> list[Kind]:
    """Return the kind of each row, equal ones as the same object."""
    keys: Sequence[Any] = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    fields = json.loads if len(columns) == 1 else tuple
    known = {key: Kind(*fields(key)) for key in set(keys)}
    return list(map(known.__getitem__, keys))


def _dashed(transactions: Sequence[str]) -> Sequence[str]:
    if len(transactions[0]) > 32:
        return transactions
    dashed = {t: f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in set(transactions)}
    return [dashed[one] for one in transactions]


def _texts_of_times(times: Sequence[Any], zone: datetime.tzinfo | None) -> list[str]:
    """Return times as the codec would write them; `zone` is the one of a naive time, or None where
    the host has none."""
    if isinstance(times[0], str):
        if zone is datetime.UTC and set(map(len, times)) == {_WITH_MICROSECONDS}:
            return ("Z\n".join(times).replace(" ", "T") + "Z").split("\n")
        times = [datetime.datetime.fromisoformat(text) for text in times]
    if times[0].tzinfo is None and zone is datetime.UTC:
        return [f"{time.isoformat('T', 'microseconds')}Z" for time in times]
    if times[0].tzinfo is None and zone is not None:
        times = [timezone.make_aware(time, zone) for time in times]
    return [str(codec.encode_value(time)) for time in times]
