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


def store(using: str, entries: Sequence[Pending]) -> None:
    """Write the numbers of entries, and what was found out about them; only in the transaction
    that holds the head's lock."""
    if not entries:
        return
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_NUMBER_JSON, [_as_json(entries)])
            return
        adapt: Any = connection.ops.adapt_datetimefield_value
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


def supersede(using: str, ids: Sequence[int]) -> None:
    """Write that these entries are no longer the newest of their records."""
    if not ids:
        return
    if connections[using].vendor != "postgresql":
        SyncLog.objects.using(using).filter(pk__in=ids).update(latest=False)
        return
    with connections[using].cursor() as cursor:
        cursor.execute(_SUPERSEDE, [f"{{{','.join(map(str, sorted(ids)))}}}"])


def drop(using: str, ids: Sequence[int]) -> None:
    """Remove entries of saves that changed nothing, which never had a number."""
    if ids:
        SyncLog.objects.using(using).pending().filter(pk__in=ids)._raw_delete(using)
