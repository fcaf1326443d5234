"""Handing what is new to those who hear it, without keeping the event loop from other work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from realtime.encoding import LiveEvent
from realtime.frames import Frame
from realtime.listeners import Listeners
from realtime.rounds import Changes, Message, Round
from sync.cursor import Position

if TYPE_CHECKING:
    from realtime.connection import Connection

STRETCH: Final = 256
"""Frames that are sent before the event loop does what else it has to: about a millisecond."""


class Fanout:
    """The rounds in which connections are handed what is new, one round after the other.

    A round begins all at once: the position moves to its end, who hears it is looked up, and what
    is held back is put aside. Then those who hear it live are served, and after each stretch of
    that others get the event loop. The rule that keeps everybody whole meanwhile: **a connection to
    which the round owes something stands before the round, and everybody else behind it.** So

    - who joins stands behind it, and is owed nothing;
    - who leaves or falls behind is owed nothing more, and stands before it;
    - who is to be held is served first, whatever it has unread, for holding begins behind it;
    - who was held when it began, and is let go, has had it put aside;
    - of whoever else changes it is looked up at its turn what it hears, and in which form: what was
      lost meanwhile is not sent, nor a cursor that the client may not be given any more. What is
      gained is heard from a holding on, and so behind it.

    A message of the host comes after the changes that are being handed out, and before those that
    follow. Used on one event loop, whose `call_soon` is given.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], Any]) -> None:
        self.position: Position | None = None
        self._call_soon = call_soon
        self._listeners = Listeners()
        self._rounds: deque[Round] = deque()
        self._begun: Round | None = None

    async def deliver(self, events: list[LiveEvent], position: Position) -> None:
        """Hand over the events up to a position; return when everybody has been served."""
        changes = self.begin(events, position)
        if not changes.done.is_set():
            await changes.done.wait()

    def begin(self, events: list[LiveEvent], position: Position) -> Changes:
        """Begin to hand over the events up to a position, behind what is under way."""
        changes = Changes(events, position)
        self._put(changes)
        return changes

    def message(self, frame: Frame, audience: str | None, client_id: str | None) -> None:
        """Send a host's message to the connections of an audience, or of one client."""
        self._put(Message(frame, audience, client_id))

    def is_heard(self, audience: str) -> bool:
        """Tell whether anybody hears an audience."""
        return bool(self._listeners.lanes(audience))

    def forget(self, connection: Connection) -> None:
        """Hand a connection nothing more."""
        connection.exit()
        self._listeners.forget(connection)
        self._pending.pop(connection, None)

    def note(self, connection: Connection) -> None:
        """Go by what a connection hears now, also of the round that is under way."""
        self._listeners.note(connection)
        pending = self._pending
        if connection not in pending:
            return
        if connection.behind:
            del pending[connection]
        else:
            pending[connection] = None

    def settle(self, connection: Connection) -> None:
        """Send a connection at once what it is owed of changes.

        Raises what its transport raises; the connection is then behind.
        """
        changes = self._changes
        if changes is None or connection not in changes.pending:
            return
        share = changes.pending.pop(connection) or changes.share_of(connection)
        connection.take_now(share, changes.before)

    def owes(self, connection: Connection) -> bool:
        """Tell whether a connection stands before the round that is under way."""
        changes = self._changes
        return changes is not None and connection in changes.pending

    def position_of(self, connection: Connection) -> Position | None:
        """Return how far a connection that nothing stops has been served."""
        changes = self._changes
        if changes is not None and connection in changes.pending:
            return changes.before
        return self.position

    def stop(self) -> None:
        """Forget what is under way, and where the log was."""
        self._rounds.clear()
        self.position = None

    @property
    def _changes(self) -> Changes | None:
        """The changes that are being handed over."""
        under_way = self._rounds[0] if self._rounds else None
        return under_way if isinstance(under_way, Changes) else None

    @property
    def _pending(self) -> dict[Connection, Any]:
        return self._rounds[0].pending if self._rounds else {}

    def _put(self, following: Round) -> None:
        self._rounds.append(following)
        if len(self._rounds) == 1:
            self._go_on()

    def _go_on(self) -> None:
        """Serve for one stretch; whatever goes wrong, what is left is served in the next one."""
        left = STRETCH
        try:
            while self._rounds:
                under_way = self._rounds[0]
                if under_way is not self._begun:
                    self._begun = under_way
                    self.position = under_way.begin(self._listeners, self.position)
                left -= under_way.serve(left)
                if under_way.pending:
                    return
                self._rounds.popleft().done.set()
        finally:
            if self._rounds:
                self._call_soon(self._go_on)
