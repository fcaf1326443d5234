"""Records what a table has become behind the log's back, so that clients hear of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from django.db import OperationalError, transaction

from sync import codec
from sync.context import COMMAND, context
from sync.differences import Row, difference
from sync.errors import RecordBusy
from sync.holding import held, is_lock_failure
from sync.log_state import newest_entries
from sync.models import SyncLog, log_maintenance
from sync.recording import DELETE, INSERT, UPDATE, write_entries
from sync.shape import Shape

REASON: Final = "sync_verify --repair"


def repair(shape: Shape, record_id: str, using: str) -> bool:
    """Record the present state of a record if the log has another, in a transaction of its own.

    Returns whether it was recorded: a difference may have gone since it was found. Raises
    `RecordBusy` where others wrote for so long that the record could not be locked.
    """
    try:
        with transaction.atomic(using=using), context(source=COMMAND, reason=REASON):
            row = held(shape, record_id, using)
            entry = newest_entries(shape.table, [record_id], using).get(record_id)
            if difference(shape, record_id, row, entry, using) is None:
                return False
            _record(shape, row, entry, using)
            return True
    except OperationalError as error:
        if is_lock_failure(error):
            raise RecordBusy(shape.table, record_id) from error
        raise


def _record(shape: Shape, row: Row | None, entry: SyncLog | None, using: str) -> None:
    lives = entry is not None and entry.action != SyncLog.Action.DELETE
    if row is None:
        write_entries(_Logged(shape), [(DELETE, [entry])], using)
    elif entry is None or not lives:
        write_entries(shape, [(INSERT, row)], using)
    elif entry.redacted is None:
        write_entries(shape, [(UPDATE, row)], using)
    else:
        write_entries(_Redacted(shape, entry.redacted_names), [(UPDATE, row)], using)
        _mark_redacted(entry, using)


def _mark_redacted(former: SyncLog, using: str) -> None:
    """Say of the entry just written, too, that values are left out of it on purpose."""
    entry = newest_entries(former.table, [former.record_id], using)[former.record_id]
    with log_maintenance():
        SyncLog.objects.using(using).filter(pk=entry.pk).update(redacted=former.redacted)


class _Redacted(Shape):
    """A shape that keeps back the values which were removed from the history."""

    def __init__(self, shape: Shape, names: Iterable[str]) -> None:
        super().__init__(shape.registration, shape.model)
        self._hidden = frozenset(names)

    def data(self, row: Sequence[Any]) -> str:
        values = codec.from_json(super().data(row))
        return codec.to_json(
            {name: None if name in self._hidden else value for name, value in values.items()}
        )


class _Logged(Shape):
    """A shape of records that only the log still knows: a row is the newest entry alone."""

    def __init__(self, shape: Shape) -> None:
        audience = attrgetter("audience")
        super().__init__(dataclasses.replace(shape.registration, audience=audience), shape.model)

    def record_id(self, row: Sequence[Any]) -> str:
        return str(row[0].record_id)

    def data(self, row: Sequence[Any]) -> str:
        return str(row[0].data)

    def audience_values(self, row: Sequence[Any]) -> dict[str, Any]:
        return {}

    def instance(self, row: Sequence[Any], using: str) -> Any:
        return row[0]
