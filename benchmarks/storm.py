"""Everybody comes back within a second of a crash: how long is it until each is live again?

    python benchmarks/storm.py --clients 5000

Starts a PostgreSQL and a hub on the loopback interface, lets every client connect, kills the hub,
changes some records, starts the hub again and has all clients come back at once. Prints how long
each step took, what failed, and what it cost, beside plain Channels that only accepts the same
clients. Exits with 1 if a client was lost on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load_clients import LoadClient, connect  # noqa: E402

PATIENCE_SECONDS = 20.0
"""A client that was not answered for so long gives up, and comes back."""

PING_SECONDS = 0.1
LEISURE = 100
"""Clients that are on their way at once, before the crash."""

MOST_SECONDS = 180.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=5000, help="clients that come back (5000)")
    parser.add_argument("--users", type=int, default=None, help="users they are of (one each)")
    parser.add_argument("--changes", type=int, default=100, help="changes that each missed (100)")
    parser.add_argument("--within", type=float, default=1.0, help="seconds of the storm (1)")
    parser.add_argument("--backlog", type=int, default=4096, help="the server's listen backlog")
    parser.add_argument("--realtime", type=json.loads, default={}, help="settings, as JSON")
    parser.add_argument("--plain", action="store_true", help="compare with plain Channels")
    parser.add_argument("--queries", action="store_true", help="print the most frequent queries")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds to stay connected after")
    given = parser.parse_args()
    if not 1 <= given.clients <= 9000 or not 1 <= given.changes <= 10_000:
        parser.error("1 to 9000 clients and 1 to 10000 changes")
    given.users = min(given.users or given.clients, given.clients)
    return given


class Stormer:
    """A client that comes back until it is live; what it goes through is noted."""

    def __init__(self, port: int, number: int, token: str | None, cursor: str | None) -> None:
        self.number = number
        self.cursor = cursor
        self.changes = 0
        self.trouble: Counter[str] = Counter()
        self.began = self.shaken = self.welcomed = self.live = 0.0
        self._port = port
        self._token = token
        self._client: LoadClient | None = None
        self._outcome: asyncio.Future[float | None]

    async def come(self) -> None:
        """Connect, again where that fails, until live."""
        self.began = time.perf_counter()
        while not self.live:
            self._outcome = asyncio.get_running_loop().create_future()
            client = self._client = LoadClient(self._port, self._hear)
            client.on_shaken, client.on_end = self._shaken, self._ended
            await connect(client, self._port, self.number)
            try:
                wait = await asyncio.wait_for(self._outcome, PATIENCE_SECONDS)
            except TimeoutError:
                self.trouble["no answer in time"] += 1
                client.close()
                wait = 0.0
            if not self.live:
                await asyncio.sleep(wait or 0.0)

    def leave(self) -> None:
        """Cut the connection, and be ready to come again."""
        if self._client is not None:
            self._client.on_end = lambda why: None
            self._client.close()
        self.shaken = self.welcomed = self.live = 0.0
        self.changes = 0
        self.trouble.clear()

    def _shaken(self) -> None:
        self.shaken = self.shaken or time.perf_counter()
        if self._token is None:
            self._arrived()
            return
        assert self._client is not None
        cursor = {"cursor": self.cursor} if self.cursor else {}
        self._client.say(type="hello", token=self._token, clientId=f"storm-{self.number}", **cursor)
        if not self.cursor:
            self._client.say(type="sync_request")

    def _hear(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"sync_response"'):
            self.changes += payload.count(b'"recordId"')
            if b'"hasMore":false' in payload[-200:]:
                self._arrived()
        elif payload.startswith(b'{"type":"welcome"'):
            self.welcomed = self.welcomed or time.perf_counter()
        elif payload.startswith((b'{"type":"goodbye"', b'{"type":"error"')):
            message = json.loads(payload)
            self.trouble[f"{message['type']} {message['code']}"] += 1
            if not self._outcome.done():
                self._outcome.set_result(message.get("retryAfterMs", 1000) / 1000)

    def _arrived(self) -> None:
        self.live = time.perf_counter()
        if not self._outcome.done():
            self._outcome.set_result(None)

    def _ended(self, why: str) -> None:
        if self.live:
            self.trouble[f"{why} when live"] += 1
        if not self._outcome.done():
            self.trouble[why] += 1
            self._outcome.set_result(1.0)


class Bystander:
    """A client that is live and has no part in the storm: how long do its pings take?"""

    def __init__(self, port: int, token: str) -> None:
        self.delays: list[float] = []
        self.is_live = asyncio.Event()
        self._port = port
        self._token = token
        self._client = LoadClient(port, self._hear)
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def watch(self) -> None:
        """Ping until cancelled."""
        self._client.on_shaken = lambda: self._client.say(type="hello", token=self._token)
        await connect(self._client, self._port, 60_000)
        await self._answer
        self.is_live.set()
        try:
            while True:
                self._answer = asyncio.get_running_loop().create_future()
                asked = time.perf_counter()
                self._client.say(type="ping")
                await self._answer
                self.delays.append(time.perf_counter() - asked)
                await asyncio.sleep(PING_SECONDS)
        finally:
            self._client.close()

    def _hear(self, payload: bytes) -> None:
        is_answer = payload.startswith((b'{"type":"pong"', b'{"type":"welcome"'))
        if is_answer and not self._answer.done():
            self._answer.set_result(None)


async def at_leisure(clients: Sequence[Stormer]) -> None:
    """Have all clients connect, a few at a time."""
    turns = asyncio.Semaphore(LEISURE)

    async def come(client: Stormer) -> None:
        async with turns:
            await client.come()

    async with asyncio.timeout(MOST_SECONDS):
        await asyncio.gather(*map(come, clients))


async def at_once(clients: Sequence[Stormer], within: float) -> float:
    """Have all clients come within so many seconds; return when they began."""
    began = time.perf_counter()

    async def come(client: Stormer, after: float) -> None:
        await asyncio.sleep(began + after - time.perf_counter())
        await client.come()

    comings = [
        asyncio.create_task(come(client, within * place / len(clients)))
        for place, client in enumerate(clients)
    ]
    await asyncio.wait(comings, timeout=MOST_SECONDS)
    for coming in comings:
        coming.cancel()
    await asyncio.gather(*comings, return_exceptions=True)
    return began


def storm_hub(given: argparse.Namespace, logs: Path) -> dict[str, str]:
    """Measure the storm at a hub; return the figures as texts by their names."""
    from benchmarks.load_world import change, make_world
    from benchmarks.loaded_hub import LoadedHub, Watch, queries_by_text

    tokens = make_world(given.users, given.clients + 1)
    cursor = change(10)
    settings = {"REALTIME": given.realtime}
    hub = LoadedHub(logs / "hub.log", given=settings, backlog=given.backlog)

    async def run() -> tuple[list[Stormer], float, Bystander]:
        clients = [Stormer(hub.port, n, token, cursor) for n, token in enumerate(tokens[:-1])]
        await asyncio.to_thread(hub.start)
        await at_leisure(clients)
        await asyncio.to_thread(hub.kill)
        for client in clients:
            client.leave()
        await asyncio.to_thread(change, given.changes)
        await asyncio.to_thread(hub.start)
        bystander = Bystander(hub.port, tokens[-1])
        watching = asyncio.create_task(bystander.watch())
        await bystander.is_live.wait()
        used.append(hub.seconds())
        await asyncio.to_thread(watch.start)
        own.append(time.process_time())
        began = await at_once(clients, given.within)
        own.append(time.process_time())
        used.append(hub.seconds())
        await asyncio.to_thread(watch.stop)
        await asyncio.sleep(given.hold)
        watching.cancel()
        return clients, began, bystander

    used: list[float] = []
    own: list[float] = []
    watch = Watch()
    try:
        clients, began, bystander = asyncio.run(run())
        peak = hub.peak()
    finally:
        hub.kill()
    figures = told(clients, began)
    figures |= {
        "processor time of the hub, s": f"{used[1] - used[0]:.2f}",
        "processor time of the clients, s": f"{own[1] - own[0]:.2f}",
        "database connections, at most": f"{watch.connections}",
        "queries": f"{watch.queries:,}",
        "memory of the hub at its peak, MiB": f"{peak:.0f}",
        "ping of a live client, worst, ms": f"{max(bystander.delays, default=0) * 1000:.0f}",
    }
    if given.queries:
        for calls, spent, text in queries_by_text():
            print(f"{calls:>8,} {spent:>9.0f} ms  {text}", file=sys.stderr)
    print(hub.complaint(), file=sys.stderr)
    return figures


def storm_plain(given: argparse.Namespace, logs: Path) -> dict[str, str]:
    """Measure how long plain Channels takes to accept the same clients."""
    from benchmarks.loaded_hub import LoadedHub

    application = "benchmarks.plain_channels:application"
    hub = LoadedHub(logs / "plain.log", application=application, backlog=given.backlog)
    with hub:
        clients = [Stormer(hub.port, n, None, None) for n in range(given.clients)]
        used = hub.seconds()
        began = asyncio.run(at_once(clients, given.within))
        figures = told(clients, began)
        figures["processor time of the hub, s"] = f"{hub.seconds() - used:.2f}"
        figures["memory of the hub at its peak, MiB"] = f"{hub.peak():.0f}"
    return figures


def told(clients: Sequence[Stormer], began: float) -> dict[str, str]:
    """Return when the last client had come how far, how long each took, and what went wrong."""
    trouble = sum((client.trouble for client in clients), Counter[str]())
    live = sorted(client.live - client.began for client in clients if client.live)
    figures = {
        "clients": f"{len(clients):,}",
        "all handshakes after, s": last(began, [c.shaken for c in clients]),
        "all welcomed after, s": last(began, [c.welcomed for c in clients]),
        "all live after, s": last(began, [c.live for c in clients]),
        "live, half of the clients within, s": at(live, 0.5),
        "live, 99% of the clients within, s": at(live, 0.99),
        "live, the slowest client within, s": at(live, 1.0),
        "not live": f"{len(clients) - len(live):,}",
        "changes sent": f"{sum(client.changes for client in clients):,}",
        "failures": ", ".join(f"{k}: {n:,}" for k, n in trouble.items()) or "none",
    }
    return figures


def last(began: float, moments: Sequence[float]) -> str:
    return f"{max(moments) - began:.2f}" if all(moments) else "-"


def at(times: Sequence[float], part: float) -> str:
    return f"{times[min(len(times) - 1, int(len(times) * part))]:.2f}" if times else "-"


def ratio(hub: dict[str, str], plain: dict[str, str]) -> str:
    """Return how much longer the hub takes; nothing where one of them has not let everybody in."""
    name = "all live after, s"
    if "-" in (hub[name], plain[name]):
        return "-, for not everybody was let in"
    return f"{float(hub[name]) / float(plain[name]):.2f}"


def print_table(title: str, figures: dict[str, str]) -> None:
    print(title)
    width = max(map(len, figures))
    for name, figure in figures.items():
        print(f"  {name:<{width}}  {figure:>10}")


def main() -> int:
    given = arguments()
    from benchmarks.loaded_hub import postgresql

    with tempfile.TemporaryDirectory(prefix="hub-storm-") as directory, postgresql():
        hub = storm_hub(given, Path(directory))
        print_table("the hub", hub)
        if given.plain:
            plain = storm_plain(given, Path(directory))
            print_table("plain Channels, accepting alone", plain)
            print(f"all live / plain Channels accepting: {ratio(hub, plain)}")
    whole = given.clients * given.changes
    is_whole = hub["not live"] == "0" and hub["changes sent"] == f"{whole:,}"
    return 0 if is_whole and hub["failures"] == "none" else 1


if __name__ == "__main__":
    sys.exit(main())
