"""The entry that makes clients forget values, and that says who removed them and why."""

from __future__ import annotations

from typing import Final

from django.db import connections
from django.db.models.signals import post_save

from sync import codec
from sync.errors import RedactionError
from sync.models import MOVED, REDACTED, SyncLog
from sync.recording import Row, audience_of, origin
from sync.rewriting import history_of
from sync.shape import Shape
from sync.signals import recorded
from sync.transactions import transaction_id

_DELETE: Final = SyncLog.Action.DELETE


def record(
    shape: Shape, row: Row | None, record_id: str, names: frozenset[str], using: str
) -> None:
    """Add the entry, in the open transaction, for a record as it is now or for one that is gone.

    That of a record that is gone is for the history alone, without an event: clients have deleted
    the record, and a second `delete` could follow on one that somebody makes again meanwhile with
    the same key, for a key that is not there cannot be locked.
    """
    data, audience = subject(shape, row, record_id, using)
    mark = transaction_id(connections[using])
    entry = SyncLog(
        table=shape.table,
        record_id=record_id,
        action=_DELETE if row is None else SyncLog.Action.UPDATE,
        data=codec.blanked(data, names)[0],
        audience=audience,
        cause=REDACTED,
        redacted=codec.to_json(sorted(names)),
        transaction=mark,
        **origin(),
    )
    SyncLog._base_manager.using(using).bulk_create([entry])
    post_save.send(
        SyncLog, instance=entry, created=True, update_fields=None, raw=False, using=using
    )
    recorded.send(SyncLog, using=using, transaction=mark)


def subject(shape: Shape, row: Row | None, record_id: str, using: str) -> tuple[str, str]:
    """Return the text and the audience of the record, from the table or from its last entry."""
    if row is not None:
        return shape.data(row), audience_of(shape, row, using)
    own = history_of(using, shape.table, record_id).exclude(cause=MOVED)
    last = own.pending().order_by("-id").first() or own.published().order_by("-seq").first()
    if last is None or last.action != _DELETE:
        raise RedactionError(
            f"{shape.table} {record_id} is gone, and the log does not know: clients still have it."
            " Record that with sync.record_deleted() first."
        )
    return last.data, last.audience
