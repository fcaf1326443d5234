"""One client's connection as the relay sees it: who hears what, and how far it has come."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.encoding import LiveEvent
from realtime.frames import Frame
from realtime.hearing import Hearing, Identity, Names
from realtime.held import Held
from realtime.limits import CatchUpBudget
from realtime.listeners import Filing, Manner
from realtime.messages import Goodbye, encode, given
from realtime.share import Share
from realtime.transport import Transport
from sync.cursor import Position

if TYPE_CHECKING:
    from realtime.fanout import Fanout

logger = logging.getLogger(__name__)

__all__ = ["Connection", "Identity", "Names"]


async def _unchanged(identity: Identity) -> Identity:
    return identity


class Connection(Hearing):
    """A client that is told of changes.

    The rule that keeps it whole: everything the connection may hear up to `position` has been
    handed to its transport, or is the business of a catch-up that has begun behind it. While it
    is held, live events wait; they are let go only when the catch-up has reached the position at
    which holding began. Used on one event loop, and between two awaits its state is consistent.

    Where nothing stops it, its position is that of the fan-out, so that an event costs no writing
    for each connection.
    """

    __slots__ = (
        "__weakref__",
        "_behind",
        "_doubted",
        "_fanout",
        "_held",
        "_questions",
        "_stands_at",
        "acknowledged",
        "address",
        "app_version",
        "budget",
        "confirm",
        "confirmed_at",
        "connected_at",
        "id",
        "is_told",
        "joined",
        "knows_audiences",
        "on_behind",
        "on_confirmed",
        "on_identity",
        "on_resync",
        "platform",
        "transport",
        "unfinished",
    )

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.id = uuid.uuid4()
        self.connected_at = timezone.now()
        self.transport = transport
        self.address = ""
        self.app_version = ""
        self.platform = ""
        self.budget = CatchUpBudget()
        self.knows_audiences = False
        """Whether the client said `hello`, and so can be told to forget a single audience."""
        self.is_told = False
        """Whether the client knows of every change of its rights that came before."""
        self.confirmed_at = 0.0
        """When its rights were looked up last, by the clock of the event loop."""
        self.joined: Position | None = None
        """Where the log ended when it began to hear: what came later was served to it."""
        self.acknowledged: str | None = None
        self.unfinished: tuple[Position, Names, Names] | None = None
        """How far the snapshot has come that the last answer was a page of, and of which tables
        and audiences it is."""
        self.on_behind: Callable[[], None] = lambda: None
        """Called when live messages stop, to have the client caught up once it reads again."""
        self.on_identity: Callable[[], None] = lambda: None
        """Called when what was granted to the client has been looked up."""
        self.confirm: Callable[[Identity], Awaitable[Any]] = _unchanged
        """Looks up who is connected as it is now."""
        self.on_confirmed: Callable[[Any, int], None] = lambda confirmed, question: None
        """Called with what `confirm` has found, and the question it answers."""
        self.on_resync: Callable[[], None] = lambda: None
        """Called to have the client replace all that it holds."""
        self._questions = 0
        self._doubted: int | None = None
        """The last question for its rights that was asked before these may have changed; None where
        a later one has been answered."""
        self._fanout: Fanout | None = None
        self._stands_at: Position | None = None
        self._behind = False
        self._held: Held | None = None

    @property
    def is_held(self) -> bool:
        """Whether live events wait for a catch-up."""
        return self._held is not None

    @property
    def behind(self) -> bool:
        """Whether live messages were stopped because the client does not read."""
        return self._behind

    @behind.setter
    def behind(self, behind: bool) -> None:
        if behind:
            self._stands_at = self.position
        self._behind = behind
        self.note()

    @property
    def position(self) -> Position | None:
        """How far it has been served, see the class; None before it has joined."""
        if self._stands_at is not None or self._fanout is None:
            return self._stands_at
        return self._fanout.position_of(self)

    @position.setter
    def position(self, position: Position | None) -> None:
        self._stands_at = position

    @property
    def is_stopped(self) -> bool:
        """Whether it has not been served as far as its relay has come."""
        is_owed = self._fanout is not None and self._fanout.owes(self)
        return self.is_held or self.behind or is_owed

    @property
    def cursor(self) -> str | None:
        """The cursor the client may store now, or None while it does not hold everything."""
        if not self.gives_cursors or self.is_held or self.behind or self.position is None:
            return None
        return self.position.cursor

    @property
    def filing(self) -> Filing | None:
        """Where those who hear are looked for; None where it hears nothing for now."""
        if self.identity is None or self.behind:
            return None
        manner = Manner(self.tables, self.is_held, self.form)
        return Filing(self.audiences, manner, self.identity.client_id)

    @property
    def is_full(self) -> bool:
        """Whether the client leaves so much unread that nothing more should be sent to it."""
        return self.transport.unsent > conf().MAX_UNSENT_BYTES

    def ask(self) -> int:
        """Return the number of a new question for the connection's rights, to be asked now: the
        answer to an older one must not undo what a newer one has found."""
        self._questions += 1
        return self._questions

    def doubt(self) -> None:
        """Send the client to the log, for its rights may have changed, and tell it nothing of the
        host until they have been looked up."""
        self._doubted = self._questions
        self.fall_behind()

    def be_sure(self, question: int) -> None:
        """Take the answer to a question for the rights, whatever it was, for the end of an older
        doubt."""
        if self._doubted is not None and question > self._doubted:
            self._doubted = None

    def note(self) -> None:
        """Have the fan-out find it by what it hears now."""
        if self._fanout is not None:
            self._fanout.note(self)

    def enter(self, fanout: Fanout) -> None:
        """Hear what comes after a fan-out's present position."""
        self._stands_at = fanout.position if self.is_stopped else None
        self._fanout = fanout
        self.note()

    def exit(self) -> None:
        """Hear nothing more; how far it came is kept."""
        self._stands_at = self.position
        self._fanout = None

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
        heard = [event for event in events if self.hears(event)]
        if self._held is not None:
            self._held.add(heard)
            return
        if heard:
            self.take(Share(tuple(heard), self.form), self.position)
        if not self.behind:
            self._stands_at = position if self._fanout is None else None

    def take(self, share: Share, before: Position | None) -> int:
        """Send what it hears of what is new, before which it stands at `before`; return how many
        frames were sent.

        Where the client does not read, or cannot be sent to, live messages stop: what goes wrong
        here is no other's loss, nor its own, for it is caught up from the log.
        """
        sent = 0
        try:
            send = self.transport.send
            for frame in share.frames:
                is_all_out = send(frame)
                sent += 1
                if not is_all_out and self.is_full:
                    break
            else:
                return sent
        except Exception:
            logger.exception("A connection could not be served live.")
        self._stands_at = share.end(sent) if sent else before
        self.fall_behind()
        return sent

    def take_now(self, share: Share, before: Position | None) -> None:
        """Send the same whatever the client has unread; raises what the transport raises, and the
        connection is then behind."""
        try:
            for frame in share.frames:
                self.transport.send(frame)
        except Exception:
            self._stands_at = before
            self.fall_behind()
            raise

    def tell(self, frame: Frame) -> None:
        """Send a message that is lost where the client does not read, cannot be sent to, or may
        have lost the right to it."""
        if self.behind or self._doubted is not None or (self.is_held and self.is_full):
            return
        try:
            is_all_out = self.transport.send(frame)
            if is_all_out or self.is_held or not self.is_full:
                return
        except Exception:
            logger.exception("A connection could not be sent a message.")
        self.fall_behind()

    def fall_behind(self) -> None:
        """Stop live messages: from here on the client is served from the log."""
        if not self.behind:
            self.behind = True
            self.on_behind()

    def hold(self) -> None:
        """Make live events wait from the relay's present position on; what is on its way up to it
        is sent at once."""
        if self._fanout is not None:
            self._fanout.settle(self)
        self._stands_at = self.position
        self._held = Held(self._stands_at if self._fanout is None else self._fanout.position)
        self._behind = False
        self.note()

    def hold_back(self, events: list[LiveEvent]) -> None:
        """Keep events that are heard until they are let go, unless there are too many."""
        assert self._held is not None, "only who is held waits"
        self._held.add(events)

    def release(self, position: Position) -> bool:
        """Let go what was held, now that the client has everything up to where holding began.

        `position` is the relay's present one. Returns False where too much came meanwhile: then
        nothing is let go, and the catch-up has to go on.
        """
        held = self._held
        if held is None:
            return True
        if held.has_too_many:
            return False
        self._held = None
        self._stands_at = held.since
        self.note()
        self.deliver(held.in_order(), position)
        return True
