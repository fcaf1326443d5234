"""The relay: the one task of an event loop that tails the log and fans it out.

It wakes on a hint or on the tick, publishes what is pending, reads what is new once and hands
each event, encoded once, to every connection of its audience. Hints are only about latency:
losing all of them costs a tick.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from realtime import heap, hints, keeping, rechecking, watching
from realtime.conf import conf
from realtime.connection import Connection
from realtime.database import for_relay
from realtime.departures import Departures
from realtime.encoding import LiveEvent
from realtime.fanout import Fanout
from realtime.frames import Frame
from realtime.noticed import Noticed
from realtime.notices import Notices
from realtime.portions import portions
from realtime.seen import Seen
from realtime.waiting import Waiter
from sync.cursor import Position
from sync.reading import Tail, tail

logger = logging.getLogger(__name__)

Message = tuple[Frame, str | None, str | None]
"""What the host sends, the audience and the client it is for."""


class Relay:
    """Everything of one event loop that hears of changes.

    All methods but those named `..._threadsafe` belong to the loop's own thread.
    """

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.connections: set[Connection] = set()
        self.departures = Departures()
        self.members_changed = asyncio.Event()
        self.looks = 0
        """How often it has looked at the log."""
        self._loop = asyncio.get_running_loop()
        self._fanout = Fanout(self._loop.call_soon)
        self._users = 0
        self._wake = asyncio.Event()
        self._waiting: list[Waiter] = []
        self._messages: deque[Message] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = False
        self._notices = Notices()
        self._noticed = Noticed()

    async def __aenter__(self) -> Relay:
        self._users += 1
        if not self._tasks:
            heap.freeze()
            self.id = uuid.uuid4()  # rows that a cancelled write leaves behind die with the old one
            self._tasks = [
                self._start(self._run()),
                self._start(hints.listen(self)),
                self._start(keeping.keep(self)),
                self._start(rechecking.keep(self)),
            ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._users -= 1
        if self._users:
            return
        # A relay holds its loop: kept, it would keep every loop that ever had one.
        _relays.pop(self._loop, None)
        tasks, self._tasks = self._tasks, []
        self._fanout.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def position(self) -> Position | None:
        """How far the log has been read and is being handed out; None before the first look."""
        return self._fanout.position

    @position.setter
    def position(self, position: Position | None) -> None:
        self._fanout.position = position

    async def refresh(self) -> Position:
        """Return the position, once everything committed before this call lies behind it.

        What is committed meanwhile is not waited for, so a flood of changes keeps nobody waiting.
        Raises what the database raised, where the log could not be read.
        """
        waiter = Waiter(self._loop.create_future())
        self._waiting.append(waiter)
        self._wake.set()
        return await waiter.future

    def join(self, connection: Connection) -> None:
        """Make a connection hear what comes after the present position."""
        connection.joined = self.position
        connection.enter(self._fanout)
        self.connections.add(connection)
        self.members_changed.set()

    def was_noticed(self, user: Any, look: int) -> bool:
        """Tell whether a user's rights may have changed since an earlier look at the log."""
        return self._noticed.when(str(user.pk)) > look

    def leave(self, connection: Connection) -> None:
        """Make a connection hear nothing more; how far it came is kept."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.departures.note(Seen.of(self, connection), self.position)
            self._fanout.forget(connection)
        self.members_changed.set()

    def message(self, frame: Frame, audience: str | None, client_id: str | None) -> None:
        """Send a host's message to the connections of an audience, or of one client, after the next
        look: who lost the audience before it was sent must not hear it.

        Where the log cannot be read, the last `MAX_WAITING_BROADCASTS` wait until it can.
        """
        self._messages.append((frame, audience, client_id))
        while len(self._messages) > conf().MAX_WAITING_BROADCASTS:
            self._messages.popleft()
        self._wake.set()

    def wake(self) -> None:
        """Look at the log now."""
        self._wake.set()

    def wake_threadsafe(self) -> None:
        """Look at the log now; from any thread, also when the loop has ended."""
        self.call_threadsafe(self._wake.set)

    def call_threadsafe(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function on the relay's loop, from any thread, unless the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    def message_threadsafe(self, *args: Any) -> None:
        """Do as `message`, from any thread."""
        self.call_threadsafe(self.message, *args)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(conf().TICK):
                    await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            messages = len(self._messages)
            try:
                read = await self._look()
            except Exception as error:
                self._failed(waiting, error)
            else:
                self._send_messages(messages)
                self._succeeded(waiting, read)

    async def _look(self) -> Tail:
        read, noticed = await for_relay(self._read)
        self.looks += 1
        if noticed:
            self._doubt(noticed)
        before = self.position
        if read.is_replaced:
            self._start_anew(read.position)
        for part in () if read.is_replaced else portions(read):
            events = [LiveEvent(part.position.epoch, entry) for entry in part.entries]
            await self._fanout.deliver(events, part.position)
            await asyncio.sleep(0)  # to let the server write: the clients that read keep up
        if before not in (None, read.position):
            self._tell_watchers()
        if read.has_more:
            self._wake.set()
        return read

    def _tell_watchers(self) -> None:
        """Say that the log has moved, also by what no client hears, to who watches the history."""
        if self._fanout.is_heard(watching.HISTORY):
            self._fanout.message(watching.hint(), watching.HISTORY, None)

    def _read(self) -> tuple[Tail, set[str]]:
        """Read what is new, and only then whose rights may have changed: a change that was
        committed after a right was lost is not read without the notice of the loss."""
        return tail(self.position, conf().RELAY_BATCH), self._notices.read()

    def _send_messages(self, number: int) -> None:
        """Send the messages that had come before the look, oldest first."""
        for _ in range(min(number, len(self._messages))):
            self._fanout.message(*self._messages.popleft())

    def _doubt(self, noticed: set[str]) -> None:
        """Send users' connections to the log, where their rights are looked up for each page."""
        self._noticed.note(noticed, self.looks)
        for connection in list(self.connections):
            identity = connection.identity
            if identity is not None and str(identity.user.pk) in noticed:
                connection.doubt()

    def _start_anew(self, position: Position) -> None:
        """Send every client to the log, which was replaced or pruned beyond the relay: it starts
        those from zero that it does not lead on from where they are."""
        for connection in list(self.connections):
            connection.fall_behind()
        self.position = position

    def _succeeded(self, waiting: list[Waiter], read: Tail) -> None:
        if self._failing:
            self._failing = False
            logger.info("The log can be read again.")
        self._waiting += [waiter for waiter in waiting if not waiter.is_served(read)]

    def _failed(self, waiting: list[Waiter], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            logger.error("The log cannot be read, trying again every tick: %s", error)
        for waiter in waiting:
            if not waiter.future.done():
                waiter.future.set_exception(error)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in an empty context: it outlives the client whose arrival started it."""
        return self._loop.create_task(coroutine, context=contextvars.Context())


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def relay() -> Relay:
    """Return the relay of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _relays.get(loop)
    if found is None:
        found = _relays[loop] = Relay()
    return found


def local_relays() -> list[Relay]:
    """Return every relay of this process, from any thread."""
    return list(_relays.values())
