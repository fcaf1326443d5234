"""What does one server process more cost, where the same is written?

    make bench-processes ARGS="--seconds 10 --rounds 3"

Starts a PostgreSQL, a Redis and five hubs on the loopback interface and ends them all. A hub has a
relay from its first client on, so one, two and four relays are had by connecting as many clients.
Each round measures all three, one after the other, with the same writes at the same pace. Then many
clients come to one hub, for what each of them, and each message to it, costs the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import markdown  # noqa: E402
from benchmarks.soak import device_token, prepare  # noqa: E402

COUNTS = (1, 2, 4)
AT_ONCE = 20
MESSAGES, MESSAGE_RATE = 40, 4
PINGS = 10
IDLE_SECONDS = 20
LOOKED_AT, LOOK_SECONDS = 300, 5.0
TICKS = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """What was used up: milliseconds of processor time, and counts."""

    hubs: float
    redis: float
    postgresql: float
    hints: float
    transactions: float

    def since(self, before: Spent) -> Spent:
        return Spent(*(now - then for now, then in zip(self, before, strict=True)))

    def over(self, count: float) -> Spent:
        return Spent(*(value / count for value in self))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="how long each is written to (10)")
    parser.add_argument("--rate", type=int, default=50, help="saves per second (50)")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions (3)")
    parser.add_argument("--clients", type=int, default=1000, help="clients of one hub (1000)")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the table of this document"
    )
    given = parser.parse_args()
    if not 1 <= given.seconds <= 120 or not 1 <= given.rate <= 1000 or not 1 <= given.rounds <= 10:
        parser.error("1 to 120 seconds, 1 to 1000 saves a second, 1 to 10 rounds")
    if not 1 <= given.clients <= 10_000:
        parser.error("1 to 10000 clients")
    return given


def milliseconds(pid: int | str) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def kilobytes(pid: int) -> int:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def of_postgresql() -> tuple[float, float]:
    """Return the processor time of the server with all its processes, and its transactions."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        pids = [pid for (pid,) in cursor.fetchall()]
        cursor.execute("SELECT sum(xact_commit) FROM pg_stat_database")
        transactions = float(cursor.fetchone()[0])
    spent = 0.0
    for pid in pids:
        try:
            spent += milliseconds(pid)
        except FileNotFoundError:
            continue
    return spent, transactions


def spent(hubs: list[Any], redis: Any) -> Spent:
    postgresql, transactions = of_postgresql()
    with redis.client() as client:
        cpu, commands = client.info("cpu"), client.info("commandstats")
    return Spent(
        sum(milliseconds(hub.pid) for hub in hubs),
        (cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1000,
        postgresql,
        commands.get("cmdstat_publish", {}).get("calls", 0),
        transactions,
    )


def write(task: Any, seconds: int, rate: int) -> int:
    """Save at an even pace; returns how often."""
    started = time.monotonic()
    for number in range(seconds * rate):
        task.title = f"{started} {number}"
        task.save(update_fields=["title"])
        time.sleep(max(0.0, started + (number + 1) / rate - time.monotonic()))
    return seconds * rate


async def measure(
    given: argparse.Namespace, hubs: list[Any], redis: Any, token: str
) -> dict[str, Spent]:
    """Return what one change, and one second without changes, cost with a client on each hub."""
    from hubproject.models import Task
    from tests.support.client import HubClient
    from tests.support.ledger import everything_heard, seq_of
    from tests.support.off_loop import eventually, off_loop

    task = await off_loop(Task.objects.get)
    async with AsyncExitStack() as stack:
        clients = []
        for hub in hubs:
            client = await HubClient(hub.ws_url, token=token).connect()
            stack.push_async_callback(client.close)
            clients.append(await client.join())
        before = await off_loop(spent, hubs, redis)
        await asyncio.sleep(given.seconds)
        idle = (await off_loop(spent, hubs, redis)).since(before).over(given.seconds)
        before = await off_loop(spent, hubs, redis)
        count = await off_loop(write, task, given.seconds, given.rate)
        end = (await eventually(everything_heard))[-1].seq
        for client in clients:
            await client.wait_for(lambda client: seq_of(client.cursor) >= end)
        busy = (await off_loop(spent, hubs, redis)).since(before)
    return {"idle": idle, "change": busy.over(count)}


async def come(hub: Any, token: str, count: int, stack: AsyncExitStack) -> list[Any]:
    """Have clients come to a hub, a few at a time; they leave with the stack."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> Any:
        async with turn:
            socket = await stack.enter_async_context(connect(hub.ws_url, proxy=None))
            await socket.send(json.dumps({"type": "hello", "token": token}))
            while json.loads(await socket.recv())["type"] != "welcome":
                pass
            return socket

    return await asyncio.gather(*(one() for _ in range(count)))


async def of_a_look(hubs: list[Any], token: str) -> float:
    """Return the milliseconds that a look at the rights of a client costs, from two hubs of which
    the first never looks, and the other every few seconds."""
    spent = []
    for hub in hubs:
        async with AsyncExitStack() as stack:
            await come(hub, token, LOOKED_AT, stack)
            before, started = milliseconds(hub.pid), time.monotonic()
            await asyncio.sleep(IDLE_SECONDS)
            spent.append((milliseconds(hub.pid) - before) / (time.monotonic() - started))
    return (spent[1] - spent[0]) * LOOK_SECONDS / LOOKED_AT


async def of_clients(given: argparse.Namespace, hub: Any, token: str) -> dict[str, float]:
    """Return what a client of one hub costs it: to come, to be there, and a message to it."""
    from hubproject.models import Task
    from tests.support.off_loop import off_loop

    task = await off_loop(Task.objects.get)
    cpu, memory, turn = milliseconds(hub.pid), kilobytes(hub.pid), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        sockets = await come(hub, token, given.clients, stack)
        came = milliseconds(hub.pid) - cpu
        held = kilobytes(hub.pid) - memory
        cpu = milliseconds(hub.pid)
        await asyncio.sleep(IDLE_SECONDS)
        idle = (milliseconds(hub.pid) - cpu) / IDLE_SECONDS
        cpu, started = milliseconds(hub.pid), time.monotonic()
        hearing = asyncio.gather(*(hear(socket, MESSAGES) for socket in sockets))
        await off_loop(write, task, MESSAGES // MESSAGE_RATE, MESSAGE_RATE)
        await hearing
        sent = milliseconds(hub.pid) - cpu - idle * (time.monotonic() - started)
        cpu, started = milliseconds(hub.pid), time.monotonic()
        await asyncio.gather(*(ping(socket, turn) for socket in sockets))
        answered = milliseconds(hub.pid) - cpu - idle * (time.monotonic() - started)
    return {
        "a client that comes, ms of CPU": came / given.clients,
        "a client that is there, kB": held / given.clients,
        "a second of a client that is there, microseconds of CPU": idle * 1000 / given.clients,
        "a message to a client, microseconds of CPU": sent * 1000 / given.clients / MESSAGES,
        "a ping of a client, microseconds of CPU": answered * 1000 / given.clients / PINGS,
    }


async def ping(socket: Any, turn: asyncio.Semaphore) -> None:
    """Ask whether the hub is there, again and again."""
    async with turn:
        for _ in range(PINGS):
            await socket.send('{"type":"ping"}')
            while json.loads(await socket.recv())["type"] != "pong":
                pass


async def hear(socket: Any, count: int) -> None:
    """Read so many changes."""
    while count:
        count -= json.loads(await socket.recv())["type"] == "event"


async def rounds(
    given: argparse.Namespace, hubs: list[Any], redis: Any
) -> tuple[dict[int, list[dict[str, Spent]]], dict[str, float]]:
    from tqdm import tqdm

    from tests.support.off_loop import off_loop

    token = await off_loop(device_token)
    found: dict[int, list[dict[str, Spent]]] = {count: [] for count in COUNTS}
    with tqdm(total=given.rounds * len(COUNTS), desc="measuring", file=sys.stderr) as bar:
        for _ in range(given.rounds):
            for count in COUNTS:
                found[count].append(await measure(given, hubs[:count], redis, token))
                bar.update()
    of_a_client = await of_clients(given, hubs[0], token)
    look = await of_a_look(hubs[-2:], token)
    return found, of_a_client | {"a look at the rights of a client, ms of CPU": look}


def report(
    given: argparse.Namespace,
    found: dict[int, list[dict[str, Spent]]],
    of_a_client: dict[str, float],
) -> str:
    middle = {
        count: {
            kind: Spent(*map(statistics.median, zip(*(one[kind] for one in measured), strict=True)))
            for kind in ("change", "idle")
        }
        for count, measured in found.items()
    }
    rows = []
    for name, shown in (("change", "a change"), ("idle", "a second without changes")):
        for field in Spent._fields:
            values = [getattr(middle[count][name], field) for count in COUNTS]
            unit = "" if field in ("hints", "transactions") else ", ms of CPU"
            ratio = [f"{value / values[0]:.2f}" if values[0] else "-" for value in values[1:]]
            rows.append([f"{shown}: {field}{unit}", *(f"{value:.2f}" for value in values), *ratio])
    header = ["", *(f"{count} relays" for count in COUNTS), *(f"{c} / 1" for c in COUNTS[1:])]
    header[1] = "1 relay"
    text = (
        f"{given.rate} saves a second, one change each, for {given.seconds} seconds; medians of"
        f" {given.rounds} rounds. {markdown.machine('channels_redis', 'daphne')}"
    )
    clients = markdown.table(
        [f"{given.clients:,} clients of one process", ""],
        [[name, f"{value:.1f}"] for name, value in of_a_client.items()],
    )
    return f"{text}\n\n{markdown.table(header, rows)}\n\n{clients}"


def main() -> None:
    given = arguments()
    prepare()
    from django.test import override_settings

    from hubproject.channel_layers import channel_layer
    from hubproject.models import Project
    from tests.support.hub import Hub
    from tests.support.open_planner import open_planner
    from tests.support.redis import RedisServer
    from tests.support.varied import varied

    with ExitStack() as stack:
        stack.enter_context(open_planner())
        Project.objects.create(name="bench").tasks.create(title="bench")
        redis = stack.enter_context(RedisServer())
        layers = {"default": channel_layer(redis.url)}
        stack.enter_context(override_settings(CHANNEL_LAYERS=layers))
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-processes-")))
        unlimited = {"MAX_CONNECTIONS_PER_USER": 0, "MAX_UNAUTHENTICATED": 0}
        looks = [{"RECHECK_INTERVAL": 3600.0}] * max(COUNTS) + [{"RECHECK_INTERVAL": LOOK_SECONDS}]
        hubs = [
            stack.enter_context(
                Hub(logs / f"{n}.log", redis_url=redis.url, **varied(REALTIME=unlimited | look))
            )
            for n, look in enumerate(looks)
        ]
        text = report(given, *asyncio.run(rounds(given, hubs, redis)))
    print(text)
    if given.write:
        markdown.rewrite(given.write, "processes", text)


if __name__ == "__main__":
    main()
