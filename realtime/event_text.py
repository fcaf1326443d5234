"""The JSON of events, put together from the texts that the log stores without reading them.

It is byte for byte what encoding the messages of `realtime.messages` gives, which stay the
specification.
"""

from __future__ import annotations

import datetime
from typing import Final

import msgspec

from sync import codec
from sync.events import event_name
from sync.models import SyncLog

_encode: Final = msgspec.json.Encoder().encode
_INSERT: Final = SyncLog.Action.INSERT.value


class EventText:
    """One published entry as clients are told of it; `cursor` is None where they get none.

    To those who did not have the record before, it is new: what it was to others they may not see.
    """

    __slots__ = ("_event", "_head", "_tail", "_timestamp")

    def __init__(self, entry: SyncLog) -> None:
        is_new = entry.is_new_to_audience
        action = _INSERT if is_new else entry.action
        self._event = event_name(entry.table, action, None) if is_new else entry.event
        self._timestamp = _timestamp(entry.published_at)
        self._head = (
            f'{{"table":{_quoted(entry.table)},"recordId":{_quoted(entry.record_id)}'
            f',"action":{_quoted(action)}{_stored("data", entry.data)}'
            f"{_stored('changed', None if is_new else entry.changed)}"
            f',"audience":{_quoted(entry.audience)},"timestamp":{self._timestamp}'
        )
        self._tail = (
            f',"transaction":"{entry.transaction}"'
            f"{_named('origin', entry.client_id)}{_named('cause', entry.cause)}}}"
        )

    def message(self, cursor: str | None) -> str:
        """Return the message that tells live clients of the change."""
        place = _named("cursor", cursor)
        return (
            f'{{"type":"event","event":{_quoted(self._event)},"data":{self._head}{place}{self._tail}'
            f',"timestamp":{self._timestamp}{place}}}'
        )


def events_message(texts: list[str]) -> str:
    """Return the message that tells a live client of several changes at once."""
    return f'{{"type":"events","events":[{",".join(texts)}]}}'


def _timestamp(moment: datetime.datetime | None) -> str:
    assert moment is not None, "a published entry has a time"
    return f'"{codec.encode_value(moment)}"'


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _named(name: str, value: str | None) -> str:
    return f',"{name}":{_quoted(value)}' if value else ""


def _stored(name: str, text: str | None) -> str:
    return f',"{name}":{text}' if text else ""
