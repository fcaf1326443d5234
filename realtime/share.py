"""What is sent of new changes to all connections that hear the same of them in the same manner."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from realtime.conf import conf
from realtime.encoding import LiveEvent
from realtime.event_text import events_message
from realtime.frames import Frame, Run
from sync.cursor import Position

BATCH_BYTES: Final = 64 * 1024
"""Characters of events at which a frame with several of them is closed, or a run of frames."""


class Form(NamedTuple):
    """How a client is told of changes."""

    batch: bool
    """Whether several come in one frame."""
    with_cursors: bool
    """Whether the client holds everything before, so that it may be given cursors."""


class Share:
    """The events that some connections hear, in order, and the frames that tell of them: composed
    when the first of these connections is served, and then the same for each."""

    def __init__(self, events: tuple[LiveEvent, ...], form: Form) -> None:
        self.events = events
        self.form = form

    @functools.cached_property
    def frames(self) -> tuple[Frame | Run, ...]:
        """What is written, one after the other."""
        return tuple(frame for frame, _ in self._told)

    def end(self, sent: int) -> Position:
        """Return the position of a connection that was sent so many of the frames, at least one."""
        return self._told[sent - 1][1]

    @functools.cached_property
    def _told(self) -> list[tuple[Frame | Run, Position]]:
        """What is written at once, and the position behind what it tells."""
        return [(self._together(part), part[-1].position) for part in self._parts()]

    def _frame(self, event: LiveEvent) -> Frame:
        return event.frame if self.form.with_cursors else event.frame_without_cursor

    def _together(self, events: list[LiveEvent]) -> Frame | Run:
        frames = [self._frame(event) for event in events]
        if len(frames) == 1:
            return frames[0]
        if not self.form.batch:
            return Run(frames)
        return Frame(events_message([frame.text for frame in frames]))

    def _parts(self) -> Iterator[list[LiveEvent]]:
        """Yield what is written at once, for a client is looked at between two writes."""
        limit = min(BATCH_BYTES, conf().MAX_UNSENT_BYTES)
        part: list[LiveEvent] = []
        size = 0
        for event in self.events:
            part.append(event)
            size += len(self._frame(event).text)
            if size > limit:
                yield part
                part, size = [], 0
        if part:
            yield part


class Shares:
    """The shares of one round: one for each set of events that somebody hears in one manner."""

    def __init__(self) -> None:
        self._made: dict[tuple[tuple[LiveEvent, ...], Form], Share] = {}
        self._joined: dict[tuple[Share, Share], Share] = {}

    def of(self, events: Iterable[LiveEvent], form: Form) -> Share:
        """Return the share of some events, which are in the order of the log."""
        key = (tuple(events), form)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = Share(*key)
        return made

    def joined(self, one: Share, other: Share) -> Share:
        """Return the share of who hears both, by different audiences."""
        made = self._joined.get((one, other))
        if made is None:
            events = sorted(one.events + other.events, key=_number)
            made = self._joined[one, other] = self.of(events, one.form)
        return made


def _number(event: LiveEvent) -> int:
    return event.position.seq
