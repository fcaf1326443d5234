"""Keeping the workers of `hub_serve` running: what ends is started again, by and by, or all at once
where somebody wants new code."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from realtime.errors import CannotServe
from realtime.queues import Queue
from realtime.workers import Worker

START_TIMEOUT: Final = 60.0
"""Seconds within which a worker has to listen."""

STEADY: Final = 10.0
"""Seconds that a worker has to serve for its end not to count as another failure in a row."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between one start and the next, at most; the first pause is half a second."""

MAX_FAILURES: Final = 5
"""Failures in a row after which it is given up, where no other worker serves."""

KILL_AFTER: Final = 10.0
"""Seconds that a worker may take beyond what its settings allow it to."""

Say = Callable[[str], None]


@dataclasses.dataclass
class Slot:
    """The place of one worker, who changes."""

    queue: Queue
    worker: Worker | None = None
    failures: int = 0
    changing: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)


class Supervisor:
    """Runs one worker on each queue until it is told to stop."""

    def __init__(
        self,
        command: Sequence[str],
        queues: Sequence[Queue],
        *,
        say: Say,
        environment: Mapping[str, str],
        patience: float | None = None,
    ) -> None:
        """`command` is what each worker runs. After `patience` seconds a worker that was told to
        end is killed; None waits for as long as it takes."""
        self._command = command
        self._slots = [Slot(queue) for queue in queues]
        self._say = say
        self._environment = environment
        self._patience = patience
        self._workers: set[Worker] = set()
        self._stopping = asyncio.Event()
        self._restart_wanted = asyncio.Event()
        self._has_begun = False
        self._on_ready: Callable[[], None] = lambda: None

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT; raises `CannotServe` where the workers cannot be started.

        `on_ready` is called when all of them listen for the first time.
        """
        self._take_signals()
        keepers = [asyncio.create_task(self._keep(slot)) for slot in self._slots]
        restarting = asyncio.create_task(self._restart())
        self._on_ready = on_ready
        try:
            await asyncio.gather(*keepers)
        finally:
            if not self._stopping.is_set():
                self.stop(signal.SIGTERM)
            for task in (*keepers, restarting):
                task.cancel()
            await asyncio.gather(*keepers, restarting, return_exceptions=True)
            await asyncio.gather(*(worker.ended for worker in list(self._workers)))

    def stop(self, number: signal.Signals) -> None:
        """Forward a signal that ends the workers, and start none any more."""
        self._stopping.set()
        for worker in self._workers:
            # One that has not begun to serve ends by SIGTERM without a word.
            worker.signal(number if worker.is_serving else signal.SIGTERM)
        if self._patience is not None:
            asyncio.get_running_loop().call_later(self._patience, self._kill, self._workers)

    def restart(self) -> None:
        """Have new workers take the place of the present ones, one after the other."""
        self._restart_wanted.set()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        loop.add_signal_handler(signal.SIGHUP, self.restart)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def _reap(self) -> None:
        for worker in list(self._workers):
            worker.reap()
            if worker.ended.done():
                self._workers.discard(worker)

    def _start(self, slot: Slot) -> Worker:
        worker = Worker(slot.queue.open(), self._command, self._environment)
        self._workers.add(worker)
        return worker

    def _note_start(self, worker: Worker) -> None:
        self._say(f"Worker {worker.pid} listens.")
        if self._has_begun or self._stopping.is_set():
            return
        if all(slot.worker and slot.worker.is_serving for slot in self._slots):
            self._has_begun = True
            self._on_ready()

    async def _keep(self, slot: Slot) -> None:
        """Have the slot served until all is to end."""
        while not self._stopping.is_set():
            async with slot.changing:
                if self._stopping.is_set():
                    return
                worker = slot.worker = slot.worker or self._start(slot)
                starts = await worker.starts(START_TIMEOUT)
            if starts:
                self._note_start(worker)
            code = await worker.ended
            if self._stopping.is_set():
                return
            async with slot.changing:
                if slot.worker is not worker:
                    continue  # another has taken its place
                slot.worker = None
            self._say(f"Worker {worker.pid} {_ending(code, starts)}.")
            is_failure = code != 0 and (not starts or time.monotonic() - worker.started_at < STEADY)
            if is_failure:
                await self._pause(slot)
            else:
                slot.failures = 0

    async def _pause(self, slot: Slot) -> None:
        """Wait the longer the more often the worker of a slot has failed, or give up."""
        slot.failures += 1
        serving = any(worker.is_serving for worker in self._workers)
        if not self._has_begun or (slot.failures >= MAX_FAILURES and not serving):
            raise CannotServe("No worker can be started: what they have printed says why.")
        if slot.failures > 1:
            slot.queue.close()
        seconds = min(2.0 ** (slot.failures - 2), LONGEST_PAUSE)
        self._say(f"Starting another in {seconds:g} seconds.")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _restart(self) -> None:
        while True:
            await self._restart_wanted.wait()
            self._restart_wanted.clear()
            self._say("Restarting the workers, one after the other.")
            done = [
                await self._replace(slot) for slot in self._slots if not self._stopping.is_set()
            ]
            if not self._stopping.is_set():
                self._say("All workers are new." if all(done) else "Not all workers are new.")

    async def _replace(self, slot: Slot) -> bool:
        """Start a new worker in a slot, and only then have the old one leave."""
        async with slot.changing:
            if self._stopping.is_set():
                return False
            old = slot.worker
            try:
                new = self._start(slot)
            except (CannotServe, OSError) as error:
                self._say(f"No new worker: {error}")
                return False
            if not await new.starts(START_TIMEOUT):
                if not self._stopping.is_set():
                    self._say(f"Worker {new.pid} does not start, the old one goes on.")
                return False
            slot.worker = new
            self._note_start(new)
        if old is not None:
            old.signal(signal.SIGTERM)
            await self._end_of(old)
        return True

    async def _end_of(self, worker: Worker) -> None:
        """Wait until a worker that was told to end has done so, but not for ever."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(worker.ended), self._patience)
        self._kill({worker})
        await worker.ended

    def _kill(self, workers: set[Worker]) -> None:
        for worker in workers:
            if not worker.ended.done():
                self._say(f"Worker {worker.pid} does not end and is killed.")
                worker.signal(signal.SIGKILL)


def _ending(code: int, started: bool) -> str:
    when = "ended" if started else "ended before it listened"
    how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return f"{when}, {how}"
