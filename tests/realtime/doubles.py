"""Stand-ins for what a connection touches, where a test is not about a real socket."""

from __future__ import annotations

import asyncio
import datetime
import json
import uuid
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from realtime.codes import CloseCode
from realtime.connection import Connection, Identity
from realtime.encoding import LiveEvent
from realtime.frames import Frame, Run
from realtime.grants import Grant
from sync import codec
from sync.cursor import Position
from sync.models import SyncLog
from sync.rows import Kind, Rows

SECONDS = 20
EPOCH = "0123abcd"
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class RecordingTransport:
    """Keeps what it is given; a test says how much of it the client has not read."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed: tuple[CloseCode, str] | None = None
        self.unsent = 0
        self._news = asyncio.Event()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the client was sent, decoded."""
        return [json.loads(frame.text) for frame in self.frames]

    def send(self, frame: Frame | Run) -> bool:
        if self.closed is None:
            self.frames += frame.each
            self._news.set()
        return not self.unsent

    def close(self, code: CloseCode, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        self._news.set()

    async def until(self, predicate: Callable[[RecordingTransport], Any]) -> None:
        """Wait until what was sent satisfies the predicate."""
        async with asyncio.timeout(SECONDS):
            while not predicate(self):
                await self._news.wait()
                self._news.clear()

    @property
    def is_closing(self) -> bool:
        return self.closed is not None

    @property
    def is_gone(self) -> bool:
        return self.is_closing

    async def detach(self) -> None:
        self.close(CloseCode.NORMAL, "")


class FailingTransport(RecordingTransport):
    """A transport with a fault, which a test may repair: it raises whatever it is to send."""

    is_broken = True

    def send(self, frame: Frame | Run) -> bool:
        if self.is_broken:
            raise OSError("the socket is broken")
        return super().send(frame)


class FillingTransport(RecordingTransport):
    """A transport to a client that does not read: all that it is given stays unsent."""

    def send(self, frame: Frame | Run) -> bool:
        super().send(frame)
        self.unsent += sum(len(one.text) for one in frame.each)
        return False


SOMEBODY = SimpleNamespace(pk="somebody")
"""A user of whom a test needs no more than that there is one."""


def connection_of(user: Any = None, *audiences: str, client_id: str = "laptop") -> Connection:
    """Return a connection that hears the audiences, with a `RecordingTransport`: somebody's, where
    it does not matter whose."""
    user = SOMEBODY if user is None else user
    heard = frozenset(audiences or ["everyone"])
    connection = Connection(RecordingTransport())
    connection.identity = Identity(user, client_id, heard, grant_of(user))
    connection.audiences = heard
    return connection


def grant_of(user: Any) -> Grant:
    """Return what a user was let in with that nothing revokes."""
    grant = Grant(user, lambda: grant)
    return grant


def entry(seq: int, **fields: Any) -> SyncLog:
    """Return a published entry of the log that no database holds."""
    values: dict[str, Any] = {
        "table": "tasks",
        "record_id": str(seq),
        "action": "update",
        "data": f'{{"id":{seq}}}',
        "changed": '["title"]',
        "event": "task.updated",
        "audience": "everyone",
        "transaction": uuid.UUID(int=seq),
        "source": "task",
        "published_at": NOON,
    }
    return SyncLog(seq=seq, **(values | fields))


def rows_of(entries: Iterable[SyncLog]) -> Rows:
    """Return entries as a page holds them."""
    columns = [
        (
            one.seq,
            one.record_id,
            one.data,
            str(one.transaction),
            codec.encode_value(one.published_at),
            Kind(*(getattr(one, name) for name in Kind._fields)),
        )
        for one in entries
    ]
    return Rows(*zip(*columns, strict=True))


def live_event(seq: int, **fields: Any) -> LiveEvent:
    """Return an entry on its way to live clients."""
    return LiveEvent(EPOCH, entry(seq, **fields))


def position(seq: int) -> Position:
    """Return the position right behind the entry of this number."""
    return Position.of_entry(EPOCH, entry(seq)) if seq else Position(EPOCH, 0)
