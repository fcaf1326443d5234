"""A tenth of the clients stop reading: what does it cost the hub, and what the others?

    python benchmarks/slow_clients.py --clients 1000 --slow 100

Starts a PostgreSQL, a Redis and a hub on the loopback interface. First everybody reads; then some
stop, and much is written that they alone hear. Meanwhile a small change is made all the time, and
the time from its commit to each of the others is taken, in the same run before and after. Half of
the slow ones then read again, the rest never do.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load_clients import LoadClient, connect  # noqa: E402
from benchmarks.storm import print_table  # noqa: E402

USER_HAS = 20
"""Connections of one user."""

AT_ONCE = 50
RECEIVE_BUFFER = 4096
NOTES = 32 * 1024
KERNEL_KEEPS = 4 * 1024 * 1024
"""Bytes that a socket's send buffer grows to, before the process has to keep what is not read."""

PERIOD = 0.5
"""Seconds between two small changes."""

MARK = b'"title":"at '
MOST_SECONDS = 240.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000, help="clients in all (1000)")
    parser.add_argument("--slow", type=int, default=100, help="of these stop reading (100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (10)")
    parser.add_argument("--drain", type=float, default=30.0, help="DRAIN_TIMEOUT (30)")
    parser.add_argument("--unsent", type=int, default=512 * 1024, help="MAX_UNSENT_BYTES")
    given = parser.parse_args()
    if not 2 <= given.clients <= 10_000 or not 2 <= given.slow < given.clients:
        parser.error("2 to 10000 clients, of whom at least 2 and not all are slow")
    return given


class Listener:
    """A client that is live, and notes how long each small change took to reach it."""

    def __init__(self, port: int, number: int, token: str, *, is_slow: bool) -> None:
        self.delays: list[float] = []
        self.pages = self.events = 0
        self.is_live = asyncio.Event()
        self.end = ""
        self.goodbye = 0
        self._port, self._number, self._token = port, number, token
        self._buffer = RECEIVE_BUFFER if is_slow else None
        self._client = LoadClient(port, self._hear)

    @property
    def was_closed(self) -> bool:
        """Whether the hub has sent the client away for being slow, or cut it."""
        return self.goodbye == 4001 or bool(self.end)

    async def arrive(self) -> None:
        """Connect, and return when live."""
        client = self._client
        client.on_shaken, client.on_end = self._say_hello, self._ended
        await connect(client, self._port, self._number, receive_buffer=self._buffer)
        async with asyncio.timeout(MOST_SECONDS):
            await self.is_live.wait()

    def pause(self) -> None:
        """Stop reading."""
        self._client.transport.pause_reading()

    def read_again(self) -> None:
        """Go on reading."""
        if not self._client.transport.is_closing():
            self._client.transport.resume_reading()

    def leave(self) -> None:
        """Cut the connection."""
        self._client.close()

    def _say_hello(self) -> None:
        # Nothing of the past is asked for: this is about what is live.
        self._client.say(type="hello", token=self._token, clientId=f"listener-{self._number}")

    def _ended(self, why: str) -> None:
        self.end = why
        self.is_live.set()

    def _hear(self, payload: bytes) -> None:
        found = payload.rfind(MARK) if payload.startswith(b'{"type":"event"') else -1
        if found >= 0:
            begin = found + len(MARK)
            sent = float(payload[begin : payload.index(b'"', begin)])
            self.delays.append(time.time() - sent)
        elif payload.startswith(b'{"type":"event"'):
            self.events += 1
        elif payload.startswith(b'{"type":"sync_response"'):
            self.pages += 1
        elif payload.startswith(b'{"type":"goodbye"'):
            self.goodbye = 4001 if b'"code":4001' in payload else 1
        else:
            self.is_live.set()


class Pulse:
    """One small change after the other, each with the time of its commit, while it beats."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def measured(self, clients: Sequence[Listener], seconds: float) -> list[float]:
        """Return how long each change of so many seconds took to each client."""
        for client in clients:
            client.delays.clear()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.to_thread(_beat)
            await asyncio.sleep(PERIOD)
        await asyncio.sleep(PERIOD)
        return sorted(delay for client in clients for delay in client.delays)


def _beat() -> None:
    from hubproject.models import Task

    task = Task.objects.filter(project__name="Load").first()
    assert task is not None, "the world has a task"
    Task.objects.filter(pk=task.pk).update(title=f"at {time.time()}")


def _write_heavily(count: int) -> None:
    from hubproject.models import Task

    heavy = Task.objects.filter(project__name="Heavy")
    pks = list(heavy.values_list("pk", flat=True)[:10])
    for number in range(count):
        heavy.filter(pk=pks[number % len(pks)]).update(notes=f"{number} ".ljust(NOTES, "x"))


async def run(given: argparse.Namespace, hub: Any, tokens: Sequence[str]) -> dict[str, str]:
    light, slow = tokens[: -given.slow], tokens[-given.slow :]
    others = [Listener(hub.port, n, token, is_slow=False) for n, token in enumerate(light)]
    lazy = [
        Listener(hub.port, len(others) + n, token, is_slow=True) for n, token in enumerate(slow)
    ]
    await gathered([one.arrive for one in [*others, *lazy]])
    pulse = Pulse()
    await pulse.measured(others, 2)
    before = await pulse.measured(others, given.seconds)
    memory, used = hub.memory(), hub.seconds()
    for one in lazy:
        one.pause()
    paused = time.monotonic()
    count = (2 * given.unsent + KERNEL_KEEPS) // NOTES
    writing = asyncio.create_task(asyncio.to_thread(_write_heavily, count))
    while_written = await pulse.measured(others, given.seconds)
    await writing
    await pulse.measured(others, 2)
    with_slow = await pulse.measured(others, given.seconds)
    full = hub.memory()
    half = lazy[: len(lazy) // 2]
    for one in half:
        one.read_again()
    await until(lambda: all(one.pages for one in half), 60)
    await asyncio.sleep(max(0.0, given.drain + 5 - (time.monotonic() - paused)))
    never = lazy[len(lazy) // 2 :]
    for one in never:
        one.read_again()
    await until(lambda: all(one.was_closed for one in never), 30)
    figures = {
        "clients": f"{given.clients:,}",
        "of these stopped reading": f"{given.slow:,}",
        "median and p99 to the others before, ms": told(before),
        "the same while the slow ones are sent much, ms": told(while_written),
        "the same while they do not read, ms": told(with_slow),
        "p99 while they do not read / before": f"{at(with_slow, 0.99) / at(before, 0.99):.2f}",
        "changes that reached the others": f"{len(before):,} and {len(with_slow):,}",
        "others that were cut": f"{sum(one.was_closed for one in others):,}",
        "memory of the hub before, MiB": f"{memory:.0f}",
        "memory of the hub meanwhile, MiB": f"{full:.0f}",
        "grown by each slow client, KiB": f"{(full - memory) * 1024 / given.slow:.0f}",
        "MAX_UNSENT_BYTES, KiB": f"{given.unsent // 1024}",
        "memory of the hub at the end, MiB": f"{hub.memory():.0f}",
        "caught up when they read again": f"{sum(bool(one.pages) for one in half)}/{len(half)}",
        "closed with 4001 after DRAIN_TIMEOUT": (
            f"{sum(one.was_closed for one in never)}/{len(never)}"
        ),
        "closed among those who read again": f"{sum(one.was_closed for one in half)}/{len(half)}",
        "processor time of the hub meanwhile, s": f"{hub.seconds() - used:.1f}",
    }
    for one in [*others, *lazy]:
        one.leave()
    return figures


async def gathered(comings: Sequence[Callable[[], Any]]) -> None:
    """Do all of it, a few at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(coming: Callable[[], Any]) -> None:
        async with turns:
            await coming()

    await asyncio.gather(*map(one, comings))


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so, or for so long."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(0.1)


def at(delays: Sequence[float], part: float) -> float:
    return delays[min(len(delays) - 1, int(len(delays) * part))]


def told(delays: Sequence[float]) -> str:
    return f"{at(delays, 0.5) * 1000:.0f} and {at(delays, 0.99) * 1000:.0f}"


def make_everybody(given: argparse.Namespace) -> list[str]:
    """Make the clients and what changes; the last ones hear of the heavy project as well."""
    from benchmarks.load_world import change, join_project, make_world

    others = given.clients - given.slow
    tokens = make_world(-(-others // USER_HAS), others)
    tokens += make_world(-(-given.slow // USER_HAS), given.slow, project="Heavy")
    join_project("Heavy", "Load")
    change(1)
    change(10, project="Heavy")
    return tokens


def main() -> int:
    given = arguments()
    from benchmarks.loaded_hub import LoadedHub, announce_through, postgresql
    from tests.support.redis import RedisServer

    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-slow-")))
        stack.enter_context(postgresql())
        announce_through(stack.enter_context(RedisServer()).url, stack)
        tokens = make_everybody(given)
        settings = {"DRAIN_TIMEOUT": given.drain, "MAX_UNSENT_BYTES": given.unsent}
        hub = LoadedHub(directory / "hub.log", given={"REALTIME": settings})
        stack.enter_context(hub)
        print_table("clients that stop reading", asyncio.run(run(given, hub, tokens)))
        complaint = hub.complaint()
        print(complaint, end="")
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(main())
