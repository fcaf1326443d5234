"""The turns in which pages are read: a storm of catch-ups must not take every database thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from realtime.conf import conf

R = TypeVar("R")


class Gate:
    """Lets so many pieces of work run at once, and the others wait in the order they came in.

    A connection reads one page at a time, so going to the end of the queue after each means that
    connections take turns. Who is cancelled while waiting leaves the queue; who is cancelled while
    running leaves its place occupied until the work has ended, for its thread goes on.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.waiting = 0
        """Pieces of work that wait for their turn."""

    @property
    def running(self) -> int:
        """Pieces of work that run now."""
        return len(self._tasks)

    async def run(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Do the work when its turn has come, and return or raise what came of it."""
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await asyncio.wait([task])
        return task.result()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._places.release()
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
