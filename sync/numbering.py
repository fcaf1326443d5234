"""Writes down what publishing has decided, with few statements however many entries there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.db import connections

from sync.batches import Pending
from sync.models import SyncLog

_COLUMNS: Final = {
    "seq": "bigint",
    "published_at": "timestamptz",
    "changed": "text",
    "event": "text",
    "cause": "text",
    "latest": "boolean",
}
"""The columns that an entry gets its values of when it is published, with PostgreSQL's types."""

_encode: Final = msgspec.json.encode

_NUMBER: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = %s' for name in _COLUMNS)} WHERE id = %s"
)

_NUMBER_JSON: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = new.{name}' for name in _COLUMNS)}"
    f" FROM json_to_recordset(%s::json)"
    f" AS new({', '.join(f'{n} {kind}' for n, kind in _COLUMNS.items())}, id bigint)"
    " WHERE sync_log.id = new.id"
)

_SUPERSEDE: Final = "UPDATE sync_log SET latest = FALSE WHERE id = ANY(%s::bigint[])"
"""One text for any number of ids; in their order, for neighbours lie on one page."""

_NUMBER_AND_SUPERSEDE: Final = f"WITH superseded AS ({_SUPERSEDE}) {_NUMBER_JSON}"
"""One trip for both: what is superseded had its number before, so no row is in both."""


def store(using: str, entries: Sequence[Pending], superseded: Sequence[int]) -> None:
    """Write the numbers of entries, what was found out about them, and the ids of those published
    earlier that are no longer the newest of their records; only in the transaction that holds the
    head's lock."""
    if not entries:
        return
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(*_in_postgresql(entries, superseded))
        return
    _number(connection, entries)
    if superseded:
        SyncLog.objects.using(using).filter(pk__in=superseded).update(latest=False)


def _in_postgresql(entries: Sequence[Pending], superseded: Sequence[int]) -> tuple[str, list[str]]:
    if not superseded:
        return _NUMBER_JSON, [_as_json(entries)]
    ids = f"{{{','.join(map(str, sorted(superseded)))}}}"
    return _NUMBER_AND_SUPERSEDE, [ids, _as_json(entries)]


def _number(connection: Any, entries: Sequence[Pending]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            _NUMBER,
            [
                (e.seq, adapt(e.published_at), e.changed, e.event, e.cause, e.latest, e.pk)
                for e in entries
            ],
        )


def _as_json(entries: Sequence[Pending]) -> str:
    return _encode(
        [
            {
                "seq": e.seq,
                "published_at": e.published_at,
                "changed": e.changed,
                "event": e.event,
                "cause": e.cause,
                "latest": e.latest,
                "id": e.pk,
            }
            for e in entries
        ]
    ).decode()


def drop(using: str, ids: Sequence[int]) -> None:
    """Remove entries of saves that changed nothing, which never had a number."""
    if ids:
        SyncLog.objects.using(using).pending().filter(pk__in=ids)._raw_delete(using)
