"""Clients that keep a fingerprint of each record they hold, to be compared with the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

import msgspec

from benchmarks.load_clients import LoadClient, connect

RETRY_SECONDS: Final = 1.0
RECEIVE_BUFFER: Final = 64 * 1024

Held = dict[tuple[str, str], int]


class _Change(msgspec.Struct, rename="camel"):
    table: str
    record_id: str
    action: str
    data: msgspec.Raw = msgspec.Raw(b"")
    cursor: str = ""


class _Event(msgspec.Struct):
    data: _Change


class _Message(msgspec.Struct, rename="camel"):
    type: str
    data: _Change | None = None
    changes: list[_Change] = []
    events: list[_Event] = []
    cursor: str = ""
    has_more: bool = False
    code: Any = None


_decode: Final = msgspec.json.Decoder(_Message).decode


class Mirror:
    """A client that is to hold what the log says; it comes back when it is sent away."""

    def __init__(self, port: int, number: int, token: str, *, batch: bool = False) -> None:
        self.held: Held = {}
        self.cursor = ""
        self.live_changes = self.paged_changes = self.largest = 0
        self.trouble: Counter[str] = Counter()
        self._port, self._number, self._token, self._batch = port, number, token, batch
        self._client: LoadClient | None = None
        self._ended = asyncio.Event()

    async def stay(self) -> None:
        """Be connected until cancelled."""
        while True:
            self._ended.clear()
            client = self._client = LoadClient(self._port, self._hear)
            client.on_shaken, client.on_end = self._say_hello, self._end
            await connect(client, self._port, self._number, receive_buffer=RECEIVE_BUFFER)
            try:
                await self._ended.wait()
            finally:
                client.close()
            await asyncio.sleep(RETRY_SECONDS)

    def pause(self) -> None:
        """Read nothing any more."""
        if self._client is not None:
            self._client.transport.pause_reading()

    def read_again(self) -> None:
        """Go on reading."""
        if self._client is not None and not self._client.transport.is_closing():
            self._client.transport.resume_reading()

    def _say_hello(self) -> None:
        assert self._client is not None
        known = {"cursor": self.cursor} if self.cursor else {}
        self._client.say(
            type="hello",
            token=self._token,
            clientId=f"mirror-{self._number}",
            batch=self._batch,
            **known,
        )
        if not known:
            self._client.say(type="sync_request")

    def _end(self, why: str) -> None:
        self.trouble[why] += 1
        self._ended.set()

    def _hear(self, payload: bytes) -> None:
        self.largest = max(self.largest, len(payload))
        message = _decode(payload)
        if message.type == "sync_response":
            self.paged_changes += len(message.changes)
            for change in message.changes:
                self._apply(change)
            self.cursor = message.cursor or self.cursor
            if message.has_more and not self._resumes():
                assert self._client is not None
                self._client.say(type="sync_request", cursor=message.cursor)
        elif message.type == "event" and message.data is not None:
            self.live_changes += 1
            self._apply(message.data)
        elif message.type == "events":
            self.live_changes += len(message.events)
            for event in message.events:
                self._apply(event.data)
        elif message.type in ("error", "goodbye"):
            self.trouble[f"{message.type} {message.code}"] += 1

    def _resumes(self) -> bool:
        """Tell whether the hub sends the next page by itself: not to a first request."""
        return bool(self.live_changes or self.trouble or self.held)

    def _apply(self, change: _Change) -> None:
        key = (change.table, change.record_id)
        if change.action == "delete":
            self.held.pop(key, None)
        else:
            self.held[key] = hash(bytes(change.data))
        self.cursor = change.cursor or self.cursor


def in_the_log(audiences: set[str]) -> Held:
    """Return what a client of these audiences is to hold."""
    from sync.models import SyncLog

    rows = SyncLog.objects.newest().filter(audience__in=audiences).exclude(action="delete")
    columns = rows.values_list("table", "record_id", "data").iterator(chunk_size=5000)
    return {(table, record_id): hash(data.encode()) for table, record_id, data in columns}
