"""What is handed to connections together: a stretch of the log, or a message of the host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from realtime.encoding import LiveEvent
from realtime.frames import Frame
from realtime.listeners import Listeners
from realtime.share import Share, Shares
from sync.cursor import Position

if TYPE_CHECKING:
    from realtime.connection import Connection


class Round(Protocol):
    """Something that is handed to connections, and whom it has yet to reach."""

    pending: dict[Connection, Any]
    """What each connection is still to be sent; None where that has to be looked up anew, for
    something about the connection has changed."""
    done: asyncio.Event

    def begin(self, listeners: Listeners, position: Position | None) -> Position | None:
        """Find out whom it reaches; return the position of those whom it does not, or has."""

    def serve(self, most: int) -> int:
        """Send connections what is pending, until about so many frames have been sent or nothing
        is; return how many were sent."""


class Changes:
    """The events up to a position."""

    def __init__(self, events: list[LiveEvent], position: Position) -> None:
        self.done = asyncio.Event()
        self.pending: dict[Connection, Share | None] = {}
        self.before: Position | None = None
        self._events = events
        self._position = position
        self._shares = Shares()

    def begin(self, listeners: Listeners, position: Position | None) -> Position:
        """Find out who hears what; what is heard by those who are held is put aside."""
        self.before = position
        by_audience: dict[str, list[LiveEvent]] = {}
        for event in self._events:
            by_audience.setdefault(event.audience, []).append(event)
        for audience, events in by_audience.items():
            for lane in listeners.lanes(audience):
                heard = lane.heard(events)
                if not heard:
                    continue
                if lane.manner.is_held:
                    for member in lane.members:
                        member.hold_back(heard)
                else:
                    self._owe(lane.members, self._shares.of(heard, lane.manner.form))
        return self._position

    def serve(self, most: int) -> int:
        """Send connections their shares."""
        sent = 0
        pending, before = self.pending, self.before
        while pending and sent < most:
            connection, share = pending.popitem()
            if share is None:
                share = self.share_of(connection)
            sent += connection.take(share, before)
        return sent

    def share_of(self, connection: Connection) -> Share:
        """Return what a connection hears of it, as it is now."""
        heard = [event for event in self._events if connection.hears(event)]
        return self._shares.of(heard, connection.form)

    def _owe(self, members: Iterable[Connection], share: Share) -> None:
        if not self.pending:
            self.pending = dict.fromkeys(members, share)
            return
        for connection in members:
            former = self.pending.get(connection)
            self.pending[connection] = (
                share if former is None else self._shares.joined(former, share)
            )


class Message:
    """A message of the host for an audience, or for one client."""

    def __init__(self, frame: Frame, audience: str | None, client_id: str | None) -> None:
        self.done = asyncio.Event()
        self.pending: dict[Connection, Frame | None] = {}
        self._frame = frame
        self._audience = audience
        self._client_id = client_id

    def begin(self, listeners: Listeners, position: Position | None) -> Position | None:
        """Find out whose it is; it has no place in the log."""
        if self._audience is not None:
            for lane in listeners.lanes(self._audience):
                self.pending |= dict.fromkeys(lane.members, self._frame)
        if self._client_id is not None:
            self.pending |= dict.fromkeys(listeners.of_client(self._client_id), self._frame)
        return position

    def serve(self, most: int) -> int:
        """Send it to those who may still have it."""
        sent = 0
        pending, frame = self.pending, self._frame
        while pending and sent < most:
            connection, owed = pending.popitem()
            if owed is not None or self._is_for(connection):
                connection.tell(frame)
            sent += 1
        return sent

    def _is_for(self, connection: Connection) -> bool:
        identity = connection.identity
        return identity is not None and (
            self._audience in connection.audiences or self._client_id == identity.client_id
        )
