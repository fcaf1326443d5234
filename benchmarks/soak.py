"""Many writers, two server processes, clients that come and go: is anything lost or repeated?

    python benchmarks/soak.py --seconds 60

Starts PostgreSQL, Redis and two Daphne processes on loopback, writes from many threads (single
saves, bulk, deletes, rollbacks, transactions that commit late) while clients disconnect at random,
half of the times without a close. At the end every client must equal the database. Prints the
counts and exits with 1 where one of those that must be 0 is not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["HUB_TEST_DATABASE"] = "postgresql"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from tqdm import tqdm  # noqa: E402
from websockets.exceptions import WebSocketException  # noqa: E402

from hubproject.models import PlannerEntry, Project, Task  # noqa: E402
from realtime.devices import create_device  # noqa: E402
from sync.models import SyncLog  # noqa: E402
from sync.publishing import publish  # noqa: E402
from sync.registry import EVERYONE  # noqa: E402
from tests.support.client import HubClient  # noqa: E402
from tests.support.environment import child_environment  # noqa: E402
from tests.support.hub import Hub  # noqa: E402
from tests.support.late import RolledBack  # noqa: E402
from tests.support.ledger import seq_of  # noqa: E402
from tests.support.redis import RedisServer  # noqa: E402
from tests.support.state import database_state  # noqa: E402
from tests.support.threads import with_own_connection  # noqa: E402

LONGEST_STAY = 3.0
"""Seconds a client stays connected at most."""
LONGEST_PAUSE = 0.1
"""Seconds between two writes of a thread, at most."""
LONGEST_COMMIT = 0.3
"""Seconds a transaction stays open before it commits late, at most."""
PATIENCE = 120.0
"""Seconds in which every client must have caught up after the last write."""


class Wanderer(HubClient):
    """A client that comes and goes; it counts what it receives instead of keeping it."""

    def __init__(self, urls: list[str], token: str) -> None:
        super().__init__(urls[0], token=token)
        self.urls = urls
        self.delivered = 0
        self.connections = 0

    def _take(self, message: dict[str, Any]) -> None:
        super()._take(message)
        self.received.clear()
        if message["type"] == "event":
            self._unclaimed.pop()

    def _apply(self, change: dict[str, Any]) -> None:
        super()._apply(change)
        self.delivered += 1

    async def wander(self, stop: asyncio.Event) -> None:
        """Connect, stay a while, leave, until told to stop."""
        while not stop.is_set():
            self.url = random.choice(self.urls)
            with contextlib.suppress(OSError, WebSocketException):
                await self.reconnect()
                self.connections += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(random.uniform(0, LONGEST_STAY)):
                        await stop.wait()
            await (self.drop() if random.random() < 0.5 else self.close())

    async def arrive(self, seq: int) -> None:
        """Come back for good and catch up to the end of the log."""
        await self.reconnect()
        self.connections += 1
        await self.wait_for(lambda client: seq_of(client.cursor) >= seq, PATIENCE)


def write(seconds: float, count: int) -> None:
    """Write from many threads for a while."""
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=with_own_connection, args=(lambda: _write_until(end),))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write_until(end: float) -> None:
    project = Project.objects.create(name=threading.current_thread().name)
    kinds = (_save, _save, _bulk, _update, _delete, _roll_back, _commit_late)
    while time.monotonic() < end:
        random.choice(kinds)(project)
        time.sleep(random.uniform(0, LONGEST_PAUSE))


def _save(project: Project) -> None:
    task = Task.objects.create(project=project, title="saved", due=None)
    task.status = random.choice(["todo", "doing", "done"])
    task.save()


def _bulk(project: Project) -> None:
    Task.objects.bulk_create(Task(project=project, title=f"bulk {n}") for n in range(20))


def _update(project: Project) -> None:
    project.tasks.filter(pk__in=_some(project)).update(notes=f"{random.random()}")


def _delete(project: Project) -> None:
    project.tasks.filter(pk__in=_some(project)).delete()


def _roll_back(project: Project) -> None:
    with contextlib.suppress(RolledBack), transaction.atomic():
        _bulk(project)
        _delete(project)
        raise RolledBack


def _commit_late(project: Project) -> None:
    with transaction.atomic():
        task = Task.objects.create(project=project, title="late")
        time.sleep(random.uniform(0, LONGEST_COMMIT))
        PlannerEntry.objects.create(date="2026-01-01", title="late", task=task)


def _some(project: Project) -> list[int]:
    pks = list(project.tasks.order_by("?").values_list("pk", flat=True)[:30])
    return pks[: random.randint(0, len(pks))]


async def soak(seconds: float, clients: list[Wanderer], writers: list[str]) -> None:
    """Have another process write while the clients wander, then bring every client home."""
    stop = asyncio.Event()
    wandering = [asyncio.create_task(client.wander(stop)) for client in clients]
    writing = await asyncio.create_subprocess_exec(
        *writers, env=child_environment(redis_url=os.environ["REDIS_URL"])
    )
    for _ in tqdm(range(int(seconds)), unit="s", desc="writing"):
        await asyncio.sleep(1)
    if await writing.wait():
        sys.exit("The writers failed.")
    stop.set()
    await asyncio.gather(*wandering)
    end = await asyncio.to_thread(with_own_connection, publish)
    await asyncio.gather(*(client.arrive(end.seq) for client in clients))


def report(clients: list[Wanderer]) -> bool:
    """Print the counts; return whether all that must be 0 is."""
    state = database_state({EVERYONE})
    lost = [
        sum(client.state.get(key) != state.get(key) for key in client.state.keys() | state)
        for client in clients
    ]
    bad = {
        "lost": sum(lost),
        "repeated after the cursor": sum(client.repeated for client in clients),
        "out of order": sum(client.out_of_order for client in clients),
        "started from zero": sum(client.resets for client in clients),
    }
    counts = {
        "changes written": SyncLog.objects.count(),
        "transactions": SyncLog.objects.values("transaction").distinct().count(),
        "connections made": sum(client.connections for client in clients),
        "changes delivered": sum(client.delivered for client in clients),
        **bad,
        "clients equal to the database": f"{lost.count(0)} of {len(clients)}",
    }
    for name, count in counts.items():
        print(f"{name:32}{count:>14}")
    return not any(bad.values())


@contextlib.contextmanager
def servers() -> Iterator[list[Hub]]:
    """Run Redis and two server processes on an empty database."""
    call_command("migrate", verbosity=0)
    with RedisServer() as redis, tempfile.TemporaryDirectory() as logs:
        os.environ["REDIS_URL"] = redis.url
        hubs = [Hub(Path(logs) / f"{n}.log", redis_url=redis.url).start() for n in range(2)]
        try:
            yield hubs
            if complaints := [text for hub in hubs if (text := hub.complaint())]:
                sys.exit("\n\n".join(complaints))
        finally:
            for hub in hubs:
                hub.kill()


def main() -> None:
    """Run the soak as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long to write (60)")
    parser.add_argument("--clients", type=int, default=20, help="how many clients (20)")
    parser.add_argument("--writers", type=int, default=16, help="how many writing threads (16)")
    parser.add_argument("--only-write", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_write:
        write(options.seconds, options.writers)
        return
    with servers() as hubs:
        user = get_user_model().objects.create_user("soak")
        token = create_device(user, "soak")[1]
        urls = [hub.ws_url for hub in hubs]
        clients = [Wanderer(urls, token) for _ in range(options.clients)]
        asyncio.run(soak(options.seconds, clients, [sys.executable, *sys.argv, "--only-write"]))
        is_good = report(clients)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
