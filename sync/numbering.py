"""Writes down what publishing has decided, with few statements however many entries there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connections

from sync.models import SyncLog

_COLUMNS: Final = {
    "seq": "bigint",
    "published_at": "timestamptz",
    "changed": "text",
    "event": "text",
    "latest": "boolean",
}
"""The columns that an entry gets its values of when it is published, with PostgreSQL's types."""

_NUMBER: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = %s' for name in _COLUMNS)} WHERE id = %s"
)

_NUMBER_ARRAYS: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = new.{name}' for name in _COLUMNS)}"
    f" FROM unnest({', '.join(f'%s::{kind}[]' for kind in (*_COLUMNS.values(), 'bigint'))})"
    f" AS new({', '.join(_COLUMNS)}, id) WHERE sync_log.id = new.id"
)


def store(using: str, entries: Sequence[SyncLog]) -> None:
    """Write the numbers of entries, and what was found out about them; only in the transaction
    that holds the head's lock."""
    if not entries:
        return
    connection = connections[using]
    adapt = connection.ops.adapt_datetimefield_value
    rows = [
        (e.seq, adapt(e.published_at), e.changed, e.event, e.latest, e.pk)  # as in _COLUMNS
        for e in entries
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(_NUMBER_ARRAYS, arrays)
        else:
            cursor.executemany(_NUMBER, rows)


def supersede(using: str, ids: Sequence[int]) -> None:
    """Write that these entries are no longer the newest of their records."""
    if ids:
        SyncLog.objects.using(using).filter(pk__in=ids).update(latest=False)


def drop(using: str, ids: Sequence[int]) -> None:
    """Remove entries of saves that changed nothing, which never had a number."""
    if ids:
        SyncLog.objects.using(using).pending().filter(pk__in=ids)._raw_delete(using)
