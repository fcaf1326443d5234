"""Where does the time go between a commit and the last of its clients?

    make bench-latency

Times each step of the way alone, with PostgreSQL and Redis on the loopback interface: what the
disk, the database, the channel layer and the sockets take by themselves, and what the hub takes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import markdown  # noqa: E402
from benchmarks.servers import database, prepare, sync_milliseconds  # noqa: E402
from tests.support.redis import RedisServer  # noqa: E402

Work = Callable[[], Awaitable[Any]]


class Step(NamedTuple):
    """Something on the way, and whether it is a part of the hub's or what that stands on."""

    name: str
    work: Work
    prepare: Callable[[], object] = lambda: None


def steps(redis: str, crowd: Any) -> list[Step]:
    """Return the steps; only once Django is set up."""
    from channels_redis.pubsub import RedisPubSubChannelLayer
    from django.db import connection

    from hubproject.models import Project, Task
    from realtime.database import for_relay
    from sync.models import SyncLog
    from sync.reading import tail

    task = Task.objects.create(project=Project.objects.create(name="Move"), title="Order desks")
    position = [tail(None, 10).position]
    layer = RedisPubSubChannelLayer(hosts=[redis])

    def change() -> None:
        task.notes = str(time.perf_counter_ns())
        task.save()

    def look() -> None:
        position[0] = tail(position[0], 1000).position

    async def in_thread(function: Callable[[], Any]) -> None:
        await for_relay(function)

    async def hint() -> None:
        await layer.group_send("hints", {"type": "hint"})
        await layer.receive(channel[0])

    channel: list[str] = []

    async def joined() -> None:
        channel.append(await layer.new_channel())
        await layer.group_add("hints", channel[0])

    def read() -> None:
        list(SyncLog.objects.order_by("-seq").values_list("seq")[:1])

    def commit() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE sync_log_head SET id = id")

    return [
        Step("joining the layer", joined),
        Step("a hop to the relay's thread and back", lambda: in_thread(lambda: None)),
        Step("a read of the log's newest entry", lambda: in_thread(read)),
        Step("a commit of one row", lambda: in_thread(commit)),
        Step("a hint through Redis", hint),
        Step("a look that finds nothing", lambda: in_thread(look)),
        Step("a look that numbers and reads one change", lambda: in_thread(look), change),
        Step("composing it and writing it to the sockets", crowd.look, crowd.drain),
    ]


async def measured(redis: str, clients: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median and the p99 of each step in milliseconds, by its name."""
    from benchmarks.fanout_micro import SCENARIOS, Clients
    from realtime.database import for_relay

    crowd = Clients(clients, SCENARIOS[0], writes=True)
    first, *others = await for_relay(steps, redis, crowd)
    await first.work()
    found: dict[str, list[float]] = {step.name: [] for step in others}
    for turn in range(rounds + 1):
        for step in others:
            await for_relay(step.prepare)
            began = time.perf_counter()
            await step.work()
            if turn:  # the first one warms up
                found[step.name].append((time.perf_counter() - began) * 1000)
    return {name: (statistics.median(times), p99(times)) for name, times in found.items()}


def p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


def report(found: dict[str, tuple[float, float]], synced: float) -> Iterator[str]:
    yield markdown.table(
        ["milliseconds", "median", "p99"],
        [["making one small write durable, without a database", f"{synced:.2f}", ""]]
        + [[name, f"{median:.2f}", f"{most:.2f}"] for name, (median, most) in found.items()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000, help="clients (1000)")
    parser.add_argument("--rounds", type=int, default=300, help="how often each is measured (300)")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="replace its table")
    given = parser.parse_args()
    if not 100 <= given.clients <= 5000 or not 1 <= given.rounds <= 10_000:
        parser.error("give 100 to 5000 clients, and 1 to 10000 rounds")
    synced = sync_milliseconds()
    with database("postgresql") as url, RedisServer() as redis:
        os.environ["BENCH_REDIS_URL"] = redis.url
        prepare(url, "benchmarks.peers.hub_settings")
        found = asyncio.run(measured(redis.url, given.clients, given.rounds))
    text = "\n\n".join(
        [
            f"{given.clients:,} sockets; {given.rounds} rounds in which each step was timed once."
            f" {markdown.machine()}",
            *report(found, synced),
        ]
    )
    print(text)
    if given.write:
        markdown.rewrite(given.write, "latency", text)


if __name__ == "__main__":
    main()
