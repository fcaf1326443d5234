"""One client's connection as the relay sees it: who hears what, and how far it has come."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from django.utils import timezone

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.encoding import LiveEvent
from realtime.frames import Frame
from realtime.grants import Grant
from realtime.limits import CatchUpBudget
from realtime.messages import Goodbye, encode, given
from realtime.transport import Transport
from sync.cursor import Position

BATCH_BYTES: Final = 64 * 1024
"""Bytes of record data at which a frame with several events is closed."""

_BATCH: Final = '{{"type":"events","events":[{}]}}'


Names = frozenset[str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Who is connected and what they may hear."""

    user: Any
    client_id: str
    audiences: frozenset[str]
    grant: Grant


async def _unchanged(identity: Identity) -> Identity:
    return identity


class Connection:
    """A client that is told of changes.

    The rule that keeps it whole: everything the connection may hear up to `position` has been
    handed to its transport, or is the business of a catch-up that has begun behind it. While it
    is held, live events wait; they are let go only when the catch-up has reached the position at
    which holding began. Used on one event loop, and between two awaits its state is consistent.
    """

    def __init__(self, transport: Transport) -> None:
        self.id = uuid.uuid4()
        self.connected_at = timezone.now()
        self.transport = transport
        self.identity: Identity | None = None
        self.address = ""
        self.app_version = ""
        self.platform = ""
        self.budget = CatchUpBudget()
        self.tables: frozenset[str] | None = None
        self.asked: Names = None
        """The audiences that the client chose to hear of those it may."""
        self.audiences: frozenset[str] = frozenset()
        """What it hears now."""
        self.gaining: frozenset[str] = frozenset()
        """What it may hear as well, once what lies before has been sent."""
        self.is_outdated = False
        """Whether the client is to replace all that it holds, for its rights have changed."""
        self.knows_audiences = False
        """Whether the client said `hello`, and so can be told to forget a single audience."""
        self.is_told = False
        """Whether the client knows of every change of its rights that came before."""
        self.confirmed_at = 0.0
        """When its rights were looked up last, by the clock of the event loop."""
        self.batch = False
        self.joined: Position | None = None
        """Where the log ended when it began to hear: what came later was served to it."""
        self.position: Position | None = None
        self.acknowledged: str | None = None
        self.unfinished: tuple[Position, Names, Names] | None = None
        """How far the snapshot has come that the last answer was a page of, and of which tables
        and audiences it is."""
        self.caught_up = False
        """Whether the client holds everything up to `position`, so that it may be given cursors:
        a stored cursor promises that nothing before it is missing."""
        self.behind = False
        """Whether live messages were stopped because the client does not read."""
        self.on_behind: Callable[[], None] = lambda: None
        """Called when live messages stop, to have the client caught up once it reads again."""
        self.on_identity: Callable[[], None] = lambda: None
        """Called when what was granted to the client has been looked up."""
        self.confirm: Callable[[Identity], Awaitable[Any]] = _unchanged
        """Looks up who is connected as it is now."""
        self.on_confirmed: Callable[[Any, int], None] = lambda confirmed, question: None
        """Called with what `confirm` has found, and the question it answers."""
        self._questions = 0
        self._held: list[LiveEvent] | None = None
        self._overflowed = False

    @property
    def is_held(self) -> bool:
        """Whether live events wait for a catch-up."""
        return self._held is not None

    @property
    def is_stopped(self) -> bool:
        """Whether it has not been served as far as its relay has come."""
        return self.is_held or self.behind

    @property
    def gives_cursors(self) -> bool:
        """Whether what the client is sent may have cursors."""
        return self.caught_up and not self.is_due

    @property
    def cursor(self) -> str | None:
        """The cursor the client may store now, or None while it does not hold everything."""
        if not self.gives_cursors or self.is_stopped or self.position is None:
            return None
        return self.position.cursor

    @property
    def is_due(self) -> bool:
        """Whether the client has yet to be sent what follows from a change of its rights. A cursor
        from after that change would say that it was."""
        return self.is_outdated or bool(self.gaining)

    def hears(self, event: LiveEvent) -> bool:
        """Tell whether an event is this connection's."""
        return event.audience in self.audiences and (
            self.tables is None or event.table in self.tables
        )

    @property
    def permitted(self) -> frozenset[str]:
        """What the client may hear and has not left out."""
        return self.audiences | self.gaining

    def ask(self) -> int:
        """Return the number of a new question for the connection's rights, to be asked now: the
        answer to an older one must not undo what a newer one has found."""
        self._questions += 1
        return self._questions

    @property
    def is_full(self) -> bool:
        """Whether the client leaves so much unread that nothing more should be sent to it."""
        return self.transport.unsent > conf().MAX_UNSENT_BYTES

    def send(self, frame: Frame) -> None:
        """Send a message that is not a change."""
        self.transport.send(frame)

    def goodbye(self, code: CloseCode, reason: str, retry_after: float | None = None) -> None:
        """Say why, then close: Daphne drops the reason of a close, and browsers hide refusals.

        `retry_after` is in seconds.
        """
        message = Goodbye(
            code=code,
            reason=reason,
            reconnect=code.reconnect,
            retry_after_ms=given(None if retry_after is None else int(retry_after * 1000)),
        )
        self.transport.send(Frame(encode(message)))
        self.transport.close(code, reason)

    def deliver(self, events: list[LiveEvent], position: Position) -> None:
        """Hand over the new events up to `position`, or keep them while held."""
        if self.behind:
            return
        if self._held is not None:
            self._hold_back(events)
            return
        for part in self._parts([event for event in events if self.hears(event)]):
            self._send_live(part)
            # Only now: where sending fails, a catch-up starts before it.
            self.position = part[-1].position
            if self.is_full:
                self.fall_behind()
                return
        self.position = position

    def fall_behind(self) -> None:
        """Stop live messages: from here on the client is served from the log."""
        if not self.behind:
            self.behind = True
            self.on_behind()

    def hold(self) -> None:
        """Make live events wait from the relay's present position on."""
        self._held = []
        self._overflowed = False
        self.behind = False

    def release(self, position: Position) -> bool:
        """Let go what was held, now that the client has everything up to where holding began.

        `position` is the relay's present one. Returns False where too much came meanwhile: then
        nothing is let go, and the catch-up has to go on.
        """
        if self._overflowed:
            return False
        held, self._held = self._held or [], None
        self.deliver(held, position)
        return True

    def _hold_back(self, events: list[LiveEvent]) -> None:
        assert self._held is not None
        if self._overflowed:
            return
        self._held += [event for event in events if self.hears(event)]
        if len(self._held) > conf().MAX_HELD_EVENTS:
            self._overflowed = True
            self._held.clear()

    def _parts(self, events: list[LiveEvent]) -> Iterator[list[LiveEvent]]:
        """Yield what goes into one frame each, for a client is looked at between two frames."""
        if not self.batch:
            yield from ([event] for event in events)
            return
        part: list[LiveEvent] = []
        size = 0
        for event in events:
            part.append(event)
            size += len(event.entry.data)
            if size > BATCH_BYTES:
                yield part
                part, size = [], 0
        if part:
            yield part

    def _send_live(self, events: list[LiveEvent]) -> None:
        frames = [e.frame if self.gives_cursors else e.frame_without_cursor for e in events]
        if len(frames) > 1:
            frames = [Frame(_BATCH.format(",".join(frame.text for frame in frames)))]
        self.transport.send(frames[0])
