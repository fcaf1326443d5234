"""Writes down what publishing has decided, with few statements however many entries there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from django.db import connections

from sync import short_trips
from sync.batches import Pending
from sync.models import LogHead, Newest, SyncLog

_COLUMNS: Final = {
    "seq": "bigint",
    "published_at": "timestamptz",
    "changed": "text",
    "event": "text",
    "cause": "text",
}
"""The columns that an entry gets its values of when it is published, with PostgreSQL's types."""

_encode: Final = msgspec.json.encode

_NUMBER: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = %s' for name in _COLUMNS)} WHERE id = %s"
)

_NUMBER_JSON: Final = (
    f"UPDATE sync_log SET {', '.join(f'{name} = new.{name}' for name in _COLUMNS)}"
    " FROM json_to_recordset(%s::json)"
    f" AS new({', '.join(f'{name} {kind}' for name, kind in _COLUMNS.items())},"
    " id bigint, newest boolean)"
    " WHERE sync_log.id = new.id"
)

_SHOWN: Final = ("seq", "table", "record_id", "audience", "action")
_QUOTED: Final = ", ".join(f'"{name}"' for name in _SHOWN)
_RETURNED: Final = ", ".join(f'sync_log."{name}"' for name in ("id", *_SHOWN))

_NUMBERED: Final = (
    "WITH superseded AS (DELETE FROM sync_newest WHERE seq = ANY(%s::bigint[])),"
    f" numbered AS ({_NUMBER_JSON} RETURNING new.newest, {_RETURNED})"
)
_SHOW: Final = (
    f" INSERT INTO sync_newest (entry_id, {_QUOTED})"
    f" SELECT id, {_QUOTED} FROM numbered WHERE newest"
)

_IN_ONE_TRIP: Final = _NUMBERED + _SHOW
"""What is superseded had its number before, so no row is in both. One text for any number of them;
in their order, for neighbours lie on one page."""

_MOVE: Final = (
    "UPDATE sync_log_head SET seq = %s, transaction = %s, published_at = %s"
    f" WHERE id = {LogHead.SINGLETON}"
)
_AND_MOVE: Final = f"{_NUMBERED}, moved AS ({_MOVE}){_SHOW}"
"""Does the same, and moves the head."""


def store(
    using: str,
    entries: Sequence[Pending],
    moved: Sequence[SyncLog],
    superseded: Sequence[int],
    newest: Sequence[Pending | SyncLog],
) -> None:
    """Write the numbers of entries and what was found out about them, the entries that say a record
    has `moved`, and which of all are the newest in the place of those `superseded`; only in the
    transaction that holds the head's lock."""
    if not entries:
        return
    SyncLog._base_manager.using(using).bulk_create(moved)
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_IN_ONE_TRIP, _params(entries, superseded, newest))
        _show(using, [entry for entry in newest if isinstance(entry, SyncLog)])
        return
    _number(connection, entries)
    Newest.objects.using(using).filter(seq__in=superseded)._raw_delete(using)
    _show(using, newest)


def store_the_last(
    using: str,
    entries: Sequence[Pending],
    superseded: Sequence[int],
    newest: Sequence[Pending | SyncLog],
    head: LogHead,
) -> None:
    """Do as `store` where no record has moved, move the head, and end the transaction where that
    travels with its statements."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        store(using, entries, (), superseded, newest)
        move_head(using, head)
        return
    short_trips.end_with_the_next(connection)
    place = [head.seq, head.transaction, head.published_at]
    with connection.cursor() as cursor:
        cursor.execute(_AND_MOVE, [*_params(entries, superseded, newest), *place])


def move_head(using: str, head: LogHead) -> None:
    """Write down how far the log has come; the last statement of publishing."""
    short_trips.end_with_the_next(connections[using])
    LogHead.objects.using(using).filter(pk=head.pk).update(
        seq=head.seq, transaction=head.transaction, published_at=head.published_at
    )


def _params(
    entries: Sequence[Pending], superseded: Sequence[int], newest: Sequence[Pending | SyncLog]
) -> list[str]:
    numbered = {entry.seq for entry in newest if isinstance(entry, Pending)}
    return [f"{{{','.join(map(str, sorted(superseded)))}}}", _as_json(entries, numbered)]


def _show(using: str, newest: Sequence[Pending | SyncLog]) -> None:
    """Write down which entries are the newest, by their ids: MySQL does not return those of what
    was inserted."""
    nameless = [entry.seq for entry in newest if entry.pk is None]
    found = SyncLog.objects.using(using).filter(seq__in=nameless).values_list("seq", "pk")
    ids = dict(found) if nameless else {}
    Newest.objects.using(using).bulk_create(
        Newest(
            entry_id=entry.pk or ids[entry.seq], **{name: getattr(entry, name) for name in _SHOWN}
        )
        for entry in newest
    )


def _number(connection: Any, entries: Sequence[Pending]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            _NUMBER,
            [(e.seq, adapt(e.published_at), e.changed, e.event, e.cause, e.pk) for e in entries],
        )


def _as_json(entries: Sequence[Pending], newest: Collection[int | None]) -> str:
    return _encode(
        [
            {
                "seq": e.seq,
                "published_at": e.published_at,
                "changed": e.changed,
                "event": e.event,
                "cause": e.cause,
                "id": e.pk,
                "newest": e.seq in newest,
            }
            for e in entries
        ]
    ).decode()


def drop(using: str, ids: Sequence[int]) -> None:
    """Remove entries of saves that changed nothing, which never had a number."""
    if ids:
        SyncLog.objects.using(using).pending().filter(pk__in=ids)._raw_delete(using)
