"""The relay: the one task of an event loop that tails the log and fans it out.

It wakes on a hint or on the tick, publishes what is pending, reads what is new once and hands
each event, encoded once, to every connection of its audience. Hints are only about latency:
losing all of them costs a tick.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import logging
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from realtime import hints, keeping, rechecking
from realtime.conf import conf
from realtime.connection import Connection
from realtime.database import for_relay
from realtime.departures import Departures
from realtime.encoding import LiveEvent
from realtime.frames import Frame
from realtime.notices import Notices
from realtime.seen import Seen
from sync.cursor import Position
from sync.models import SyncLog
from sync.reading import Tail, tail

logger = logging.getLogger(__name__)

PART_BYTES: Final = 64 * 1024
"""Bytes of record data that are handed to all connections before the server may write them."""

MAX_NOTICED: Final = 10_000
"""Users of whom it is known when their rights were doubted last."""


class Relay:
    """Everything of one event loop that hears of changes.

    All methods but `wake_threadsafe` and `message_threadsafe` belong to the loop's own thread.
    """

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.position: Position | None = None
        self.connections: set[Connection] = set()
        self.departures = Departures()
        self.members_changed = asyncio.Event()
        self.looks = 0
        """How often it has looked at the log."""
        self._loop = asyncio.get_running_loop()
        self._users = 0
        self._wake = asyncio.Event()
        self._waiting: list[_Waiter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = False
        self._notices = Notices()
        self._noticed: dict[str, int] = {}
        self._forgotten = 0
        """The look up to which it is not known any more who was noticed: anybody may have been."""

    async def __aenter__(self) -> Relay:
        self._users += 1
        if not self._tasks:
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
        self.position = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self) -> Position:
        """Return the position, once everything committed before this call lies behind it.

        What is committed meanwhile is not waited for, so a flood of changes keeps nobody waiting.
        Raises what the database raised, where the log could not be read.
        """
        waiter = _Waiter(self._loop.create_future())
        self._waiting.append(waiter)
        self._wake.set()
        return await waiter.future

    def join(self, connection: Connection) -> None:
        """Make a connection hear what comes after the present position."""
        connection.joined = connection.position = self.position
        self.connections.add(connection)
        self.members_changed.set()

    def was_noticed(self, user: Any, look: int) -> bool:
        """Tell whether a user's rights may have changed since an earlier look at the log."""
        return max(self._noticed.get(str(user.pk), 0), self._forgotten) > look

    def leave(self, connection: Connection) -> None:
        """Make a connection hear nothing more; how far it came is kept."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.departures.note(Seen.of(self, connection), self.position)
        self.members_changed.set()

    def message(self, frame: Frame, audience: str | None, client_id: str | None) -> None:
        """Send a host's message to the connections of an audience, or of one client."""
        for connection in self.connections:
            identity = connection.identity
            if identity is None or connection.behind or connection.is_full:
                continue
            if audience in connection.audiences or client_id == identity.client_id:
                connection.send(frame)

    def wake(self) -> None:
        """Look at the log now."""
        self._wake.set()

    def wake_threadsafe(self) -> None:
        """Look at the log now; from any thread, also when the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    def message_threadsafe(self, *args: Any) -> None:
        """Do as `message`, from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.message, *args)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(conf().TICK):
                    await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            try:
                read = await self._look()
            except Exception as error:
                self._failed(waiting, error)
            else:
                self._succeeded(waiting, read)

    async def _look(self) -> Tail:
        read, noticed = await for_relay(self._read)
        self.looks += 1
        if noticed:
            self._doubt(noticed)
        for part in _parts(read):
            self._fan_out(part)
            await asyncio.sleep(0)  # to let the server write: the clients that read keep up
        if read.has_more:
            self._wake.set()
        return read

    def _read(self) -> tuple[Tail, set[str]]:
        """Read what is new, and only then whose rights may have changed: a change that was
        committed after a right was lost is not read without the notice of the loss."""
        return tail(self.position, conf().RELAY_BATCH), self._notices.read()

    def _doubt(self, noticed: set[str]) -> None:
        """Send users' connections to the log, where their rights are looked up for each page."""
        self._noticed |= dict.fromkeys(noticed, self.looks)
        if len(self._noticed) > MAX_NOTICED:
            self._noticed.clear()
            self._forgotten = self.looks
        for connection in list(self.connections):
            identity = connection.identity
            if identity is not None and str(identity.user.pk) in noticed:
                connection.fall_behind()

    def _fan_out(self, read: Tail) -> None:
        events = [LiveEvent(read.position.epoch, entry) for entry in read.entries]
        self.position = read.position
        if read.is_replaced:
            self._start_anew()
            return
        for connection in list(self.connections):
            self._deliver(connection, events, read.position)

    def _deliver(self, connection: Connection, events: list[LiveEvent], position: Position) -> None:
        """Deliver to one connection; what goes wrong there is no other's loss, nor its own: it is
        caught up from the log."""
        try:
            connection.deliver(events, position)
        except Exception:
            logger.exception("A connection could not be served live.")
            connection.fall_behind()

    def _start_anew(self) -> None:
        """Send every client to the log, which was replaced or pruned beyond the relay: it starts
        those from zero that it does not lead on from where they are."""
        for connection in list(self.connections):
            connection.fall_behind()

    def _succeeded(self, waiting: list[_Waiter], read: Tail) -> None:
        if self._failing:
            self._failing = False
            logger.info("The log can be read again.")
        self._waiting += [waiter for waiter in waiting if not waiter.is_served(read)]

    def _failed(self, waiting: list[_Waiter], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            logger.error("The log cannot be read, trying again every tick: %s", error)
        for waiter in waiting:
            if not waiter.future.done():
                waiter.future.set_exception(error)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in an empty context: it outlives the client whose arrival started it."""
        return self._loop.create_task(coroutine, context=contextvars.Context())


class _Waiter:
    """Somebody who waits until what was committed before lies behind the relay's position.

    That is the end of the log at the first look that found nothing unnumbered; it does not move,
    so the wait is finite however fast others write.
    """

    def __init__(self, future: asyncio.Future[Position]) -> None:
        self.future = future
        self._target: Position | None = None

    def is_served(self, read: Tail) -> bool:
        """Tell whether the wait is over, after a look."""
        if self._target is None and read.is_published:
            self._target = read.end
        if self._target is None:
            return self.future.done()
        if read.position.epoch == self._target.epoch and read.position.seq < self._target.seq:
            return self.future.done()
        if not self.future.done():
            self.future.set_result(read.position)
        return True


def _parts(read: Tail) -> Iterator[Tail]:
    """Cut what was read into parts that a connection can take at once."""
    entries: list[SyncLog] = []
    size = 0
    for entry in read.entries:
        entries.append(entry)
        size += len(entry.data)
        if size > PART_BYTES:
            yield Tail(entries, Position.of_entry(read.position.epoch, entry), read.end)
            entries, size = [], 0
    yield dataclasses.replace(read, entries=entries)


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
