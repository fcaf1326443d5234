"""The catch-up work of one connection: one job at a time, beside the handling of its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from realtime.conf import conf
from realtime.errors import RateLimited

Job = Callable[[], Coroutine[Any, Any, None]]

_RATE_LIMITED: Final = "Too many requests are waiting. Wait for answers before asking again."


class Worker:
    """Runs jobs in the order given, so that no two catch-ups of a connection interleave; never
    in a message handler, which would keep the client's pings waiting."""

    __slots__ = ("_jobs", "_task")

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._task: asyncio.Task[None] | None = None
        """What runs the jobs. There is none while there are none, for most connections are idle."""

    @property
    def is_idle(self) -> bool:
        """Whether no job runs or waits."""
        return self._task is None

    def ask(self, job: Job) -> None:
        """Queue what a client asked for; raises `RateLimited` where too much waits already."""
        self.check()
        self.queue(job)

    def check(self) -> None:
        """Raise `RateLimited` where too much waits already for a client to ask for more."""
        if len(self._jobs) >= conf().MAX_WAITING_REQUESTS:
            raise RateLimited(_RATE_LIMITED)

    def queue(self, job: Job) -> None:
        """Queue what the hub itself has to do."""
        self._jobs.append(job)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Drop what waits and end what runs."""
        self._jobs.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._jobs:
                await self._jobs.pop(0)()
        finally:
            self._task = None
