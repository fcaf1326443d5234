"""Live events of one connection that wait for a catch-up."""

from __future__ import annotations

from collections.abc import Iterable

from realtime.conf import conf
from realtime.encoding import LiveEvent
from sync.cursor import Position


class Held:
    """What came since holding began; where that is too much, nothing is kept."""

    __slots__ = ("_events", "has_too_many", "since")

    def __init__(self, since: Position | None) -> None:
        self.since = since
        self.has_too_many = False
        self._events: list[LiveEvent] = []

    def add(self, events: Iterable[LiveEvent]) -> None:
        """Keep events, up to `MAX_HELD_EVENTS`."""
        if self.has_too_many:
            return
        self._events += events
        if len(self._events) > conf().MAX_HELD_EVENTS:
            self.has_too_many = True
            self._events.clear()

    def in_order(self) -> list[LiveEvent]:
        """Return the events in the order of the log: they came audience by audience."""
        return sorted(self._events, key=lambda event: event.position.seq)
