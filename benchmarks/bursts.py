"""A hundred thousand changes in one transaction, and a thousand a second for a minute: is any lost?

    python benchmarks/bursts.py --database postgresql

Starts a database, a Redis and a hub on the loopback interface, writes from a process of its own
while clients read, some of them only after a while, and prints what each kind of client was sent
and how much memory the hub held. Exits with 1 if a client does not end with what the log says.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.mirrors import Held, Mirror, in_the_log  # noqa: E402
from benchmarks.storm import Bystander, print_table  # noqa: E402

QUIET_SECONDS = 300.0
LOOK_SECONDS = 0.5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--clients", type=int, default=20, help="clients (20)")
    parser.add_argument("--changes", type=int, default=100_000, help="of one transaction (100000)")
    parser.add_argument("--rate", type=int, default=1000, help="changes a second (1000)")
    parser.add_argument("--seconds", type=int, default=60, help="how long to write at it (60)")
    parser.add_argument("--drowsy", type=float, default=20.0, help="how long some do not read (20)")
    given = parser.parse_args()
    if not 4 <= given.clients <= 200 or not 0 <= given.changes <= 1_000_000:
        parser.error("4 to 200 clients and up to 1000000 changes")
    return given


class Burst:
    """One burst at a hub: what the clients and the hub make of it."""

    def __init__(self, hub: object, clients: Sequence[Mirror], bystander: Bystander) -> None:
        self._hub, self._clients, self._bystander = hub, clients, bystander
        self.is_whole = False

    async def of(self, drowsy: float, *command: object) -> dict[str, str]:
        """Have the writer write, a fourth of the clients not reading for a while; return what was
        seen until every client held what the log says, or was waited for in vain."""
        from benchmarks.loaded_hub import memory_over_time

        counts = [(one.live_changes, one.paged_changes) for one in self._clients]
        self._bystander.delays.clear()
        sleepy = self._clients[::4]
        for client in sleepy:
            client.pause()
        watching = asyncio.create_task(memory_over_time(self._hub, 0.5))
        writer = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "benchmarks" / "burst_writer.py"),
            *map(str, command),
            stdout=asyncio.subprocess.PIPE,
        )
        if command[0] == "rate":  # else what was missed is there only after the commit
            asyncio.get_running_loop().call_later(drowsy, _wake, sleepy)
        written, took = (await writer.communicate())[0].decode().split()
        committed = time.perf_counter()
        asyncio.get_running_loop().call_later(drowsy, _wake, sleepy)
        self.is_whole = await self._all_hold_it()
        whole = time.perf_counter() - committed
        watching.cancel()
        memory = await watching
        news = [
            (one.live_changes - live, one.paged_changes - paged)
            for one, (live, paged) in zip(self._clients, counts, strict=True)
        ]
        trouble = sum((one.trouble for one in self._clients), Counter[str]())
        held = [mib for _, mib in memory]
        return {
            "changes written": f"{int(written):,}",
            "written within, s": took,
            "all clients whole after the last commit, s": f"{whole:.1f}",
            "clients equal to the log": "all" if self.is_whole else "NOT ALL",
            "changes sent to one that reads, live + in pages": told(news[1:2]),
            "changes sent to one that slept, live + in pages": told(news[:1]),
            "largest frame, bytes": f"{max(one.largest for one in self._clients):,}",
            "memory of the hub before, MiB": f"{held[0]:.0f}",
            "memory of the hub, at most, MiB": f"{max(held):.0f}",
            "memory of the hub at the end, MiB": f"{held[-1]:.0f}",
            "ping of a live client, worst, ms": f"{max(self._bystander.delays) * 1000:.0f}",
            "failures": ", ".join(f"{k}: {n}" for k, n in trouble.items()) or "none",
        }

    async def _all_hold_it(self) -> bool:
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            end = await asyncio.to_thread(end_of_log)
            if end and all(number_of(client.cursor) >= end for client in self._clients):
                truth = await asyncio.to_thread(truth_of_all)
                return all(client.held == truth for client in self._clients)
            await asyncio.sleep(LOOK_SECONDS)
        return False


def end_of_log() -> int:
    """Return the last number of the log, or 0 while something waits for its number."""
    from sync.models import LogHead, SyncLog

    return 0 if SyncLog.objects.pending().exists() else LogHead.objects.get().seq


def number_of(cursor: str) -> int:
    """Return the number inside a cursor, which is opaque to any other client."""
    return int(cursor.split("-")[1]) if cursor else 0


def truth_of_all() -> Held:
    """Return what each client is to hold."""
    from hubproject.models import Project

    project = Project.objects.get(name="Load")
    return in_the_log({"everyone", f"project:{project.pk}"})


def _wake(clients: Sequence[Mirror]) -> None:
    for client in clients:
        client.read_again()


def told(news: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{live:,} + {paged:,}" for live, paged in news)


async def run(given: argparse.Namespace, hub: object, tokens: Sequence[str]) -> bool:
    clients = [
        Mirror(hub.port, n, token, batch=n % 2 == 1)  # type: ignore[attr-defined]
        for n, token in enumerate(tokens[:-1])
    ]
    bystander = Bystander(hub.port, tokens[-1])  # type: ignore[attr-defined]
    tasks = [asyncio.create_task(one.stay()) for one in clients]
    tasks.append(asyncio.create_task(bystander.watch()))
    await bystander.is_live.wait()
    burst = Burst(hub, clients, bystander)
    is_whole = await burst._all_hold_it()
    try:
        if given.changes:
            figures = await burst.of(given.drowsy, "transaction", given.changes)
            print_table(f"{given.changes:,} changes in one transaction, {given.database}", figures)
            is_whole &= burst.is_whole
        if given.seconds:
            figures = await burst.of(given.drowsy, "rate", given.rate, given.seconds)
            print_table(f"{given.rate:,} changes a second, {given.database}", figures)
            is_whole &= burst.is_whole
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return is_whole


def main() -> int:
    given = arguments()
    from benchmarks.loaded_hub import SETTINGS, LoadedHub, announce_through, postgresql
    from benchmarks.servers import database, prepare
    from tests.support.redis import RedisServer

    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bursts-")))
        if given.database == "sqlite":
            prepare(stack.enter_context(database("sqlite")), SETTINGS)
        else:
            stack.enter_context(postgresql())
        announce_through(stack.enter_context(RedisServer()).url, stack)
        from benchmarks.load_world import make_world

        tokens = make_world(given.clients + 1, given.clients + 1)
        hub = stack.enter_context(LoadedHub(directory / "hub.log"))
        is_whole = asyncio.run(run(given, hub, tokens))
        complaint = hub.complaint()
        print(complaint, end="")
    return 0 if is_whole and not complaint else 1


if __name__ == "__main__":
    sys.exit(main())
