"""The turns in which pages are read and rights looked up for them: a storm of catch-ups must not
take every database thread."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from realtime.conf import conf

R = TypeVar("R")


class Gate:
    """Lets so many pieces of work run at once, and the others wait in the order they came in.

    A connection reads one page at a time, so going to the end of the queue after each means that
    connections take turns. What others wait for who have had their turn goes first. Who is
    cancelled while waiting leaves the queue; who is cancelled while running leaves its place
    occupied until the work has ended, for its thread goes on.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._first: deque[asyncio.Future[None]] = deque()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def waiting(self) -> int:
        """Pieces of work that wait for their turn."""
        return len(self._first) + len(self._queue)

    @property
    def running(self) -> int:
        """Pieces of work that run now."""
        return len(self._tasks)

    async def run(
        self, work: Callable[[], Coroutine[Any, Any, R]], *, goes_first: bool = False
    ) -> R:
        """Do the work when its turn has come, and return or raise what came of it."""
        await self._turn(self._first if goes_first else self._queue)
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await asyncio.wait([task])
        return task.result()

    async def _turn(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                queue.remove(turn)
            else:  # the place was given just before
                self._leave()
            raise

    def _leave(self) -> None:
        """Give a place to whoever is next; who has been cancelled is still to leave the queue."""
        for queue in (self._first, self._queue):
            for turn in queue:
                if not turn.done():
                    queue.remove(turn)
                    turn.set_result(None)
                    return
        self._free += 1

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._leave()
        if not task.cancelled():
            task.exception()  # nobody else looks where the one who waited has gone


_gates: WeakValueDictionary[asyncio.AbstractEventLoop, Gate] = WeakValueDictionary()


def catchup_gate() -> Gate:
    """Return the gate of the running event loop, of which a server process has one; it lives as
    long as anything waits or runs."""
    loop = asyncio.get_running_loop()
    found = _gates.get(loop)
    if found is None:
        found = _gates[loop] = Gate(conf().MAX_CATCHUPS or sys.maxsize)
    return found
