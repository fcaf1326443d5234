"""What clients are sent of an entry by the typed messages, which are the specification."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from realtime.encoding import timestamp
from realtime.messages import Change, given
from sync.models import SyncLog


def change(entry: SyncLog, cursor: str | None) -> Change:
    """Return an entry as a client sees it: to those who did not have the record, it is new."""
    is_new = entry.is_new_to_audience
    return Change(
        table=entry.table,
        record_id=entry.record_id,
        action=SyncLog.Action.INSERT if is_new else entry.action,
        data=_raw(entry.data),
        changed=UNSET if is_new else _raw(entry.changed),
        audience=entry.audience,
        timestamp=timestamp(entry.published_at),
        cursor=given(cursor),
        transaction=str(entry.transaction),
        origin=given(entry.client_id or None),
        cause=given(entry.cause or None),
    )


def _raw(text: str | None) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(text.encode()) if text else UNSET
