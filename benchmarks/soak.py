"""Many writers, two server processes, clients that come and go: is anything lost or repeated?

    python benchmarks/soak.py --seconds 60

Starts a PostgreSQL, a Redis and two hubs on the loopback interface, ends them all, prints what it
counted, and exits with 1 if anything was lost, repeated or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

QUIET_SECONDS = 30
REFRESH_SECONDS = 0.5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long to write (60)")
    parser.add_argument("--writers", type=int, default=12, help="writing threads (12)")
    parser.add_argument("--clients", type=int, default=20, help="clients (20)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of a former run")
    given = parser.parse_args()
    if not 1 <= given.seconds <= 3600 or not 1 <= given.writers <= 50 or given.clients < 1:
        parser.error("1 to 3600 seconds, 1 to 50 writers and at least one client")
    given.seed = int.from_bytes(os.urandom(3)) if given.seed is None else given.seed
    return given


def prepare() -> None:
    """Have Django use a PostgreSQL of this run's own, whatever the environment offers."""
    os.environ |= {"HUB_TEST_DATABASE": "postgresql", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    os.environ.pop("TEST_DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def start_servers(stack: ExitStack) -> list[Any]:
    """Start Redis, through which this process announces, and two hubs; all end with the stack."""
    from django.test import override_settings

    from hubproject.channel_layers import channel_layer
    from tests.support.hub import Hub
    from tests.support.redis import RedisServer

    logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-soak-")))
    redis = stack.enter_context(RedisServer())
    layers = {"default": channel_layer(redis.url)}
    stack.enter_context(override_settings(CHANNEL_LAYERS=layers))
    hubs = [Hub(logs / f"hub-{n}.log", redis_url=redis.url) for n in range(2)]
    return [stack.enter_context(hub) for hub in hubs]


def device_token() -> str:
    from django.contrib.auth import get_user_model

    from realtime.devices import create_device

    return create_device(get_user_model().objects.create_user("soak"), "soak")[1]


async def soak(given: argparse.Namespace, hubs: list[Any]) -> dict[str, Any]:
    """Write and listen for the given time, wait until it is quiet, and return the counts."""
    from benchmarks.soak_clients import SoakClient
    from benchmarks.soak_writers import Writers
    from tests.support.off_loop import off_loop

    token = await off_loop(device_token)
    urls = [hub.ws_url for hub in hubs]
    clients = [SoakClient(urls, n, token, given.seed + n) for n in range(given.clients)]
    writers = await off_loop(Writers, given.writers, given.seed)
    writers.start()
    roaming = [asyncio.create_task(client.roam()) for client in clients]
    try:
        await show_progress(given.seconds, clients, writers, roaming)
    finally:
        await off_loop(writers.stop)
        for task in roaming:
            task.cancel()
        await asyncio.gather(*roaming, return_exceptions=True)
    await until_quiet(clients)
    return await off_loop(counts, clients, writers)


async def show_progress(
    seconds: int, clients: list[Any], writers: Any, roaming: list[asyncio.Task[None]]
) -> None:
    from tqdm import tqdm

    started = time.monotonic()
    layout = "{l_bar}{bar}| {n:.0f}/{total} s{postfix}"
    with tqdm(total=seconds, desc="writing", bar_format=layout) as bar:
        while (passed := time.monotonic() - started) < seconds and writers.failure is None:
            for task in roaming:
                if task.done():
                    task.result()
            here = sum(client.is_open for client in clients)
            delivered = sum(client.delivered for client in clients)
            bar.set_postfix(transactions=writers.done.total(), delivered=delivered, connected=here)
            bar.update(passed - bar.n)
            await asyncio.sleep(REFRESH_SECONDS)
        bar.update(seconds - bar.n)


async def until_quiet(clients: list[Any]) -> None:
    """Have every client come back, and wait until each has reached the end of the log."""
    from tests.support.ledger import everything_heard, seq_of
    from tests.support.off_loop import eventually

    for client in clients:
        await client.come_back()
    end = (await eventually(everything_heard, seconds=QUIET_SECONDS))[-1].seq
    for client in clients:
        try:
            await client.wait_for(lambda client: seq_of(client.cursor) >= end, QUIET_SECONDS)
        except AssertionError as in_vain:
            # It counts as lost, with all the others in one table.
            print(f"{client.client_id}: {in_vain}", file=sys.stderr)
        client.end()
        await client.close()


def counts(clients: list[Any], writers: Any) -> dict[str, Any]:
    from benchmarks.soak_clients import lost_by
    from sync.models import SyncLog
    from sync.registry import EVERYONE
    from tests.support.state import database_state

    log = list(SyncLog.objects.published().order_by("seq").defer("data"))
    newest = set(SyncLog.objects.newest().values_list("seq", flat=True))
    state = database_state({EVERYONE})
    visits = sum((client.visits for client in clients), Counter[str]())
    gaps = sum(entry.seq != place for place, entry in enumerate(log, 1))
    return {
        "changes written": len(log),
        "transactions committed": writers.done["committed"] + writers.done["committed late"],
        "of these late": writers.done["committed late"],
        "transactions rolled back": writers.done["rolled back"],
        "records at the end": len(state),
        "connections": visits["connected"],
        "of these cut without a close": visits["dropped"],
        "slowest catch-up, in ms": round(max(client.slowest for client in clients) * 1000),
        "changes delivered": sum(client.delivered for client in clients),
        "numbers missing in the log": gaps,
        "lost": sum(len(lost_by(client, log, newest)) for client in clients),
        "repeated after the cursor": sum(client.repeated for client in clients),
        "out of order": sum(client.out_of_order for client in clients),
        "stores started anew": sum(client.resets for client in clients),
        "clients equal to the database": sum(client.state == state for client in clients),
    }


def print_table(found: dict[str, Any], clients: int) -> None:
    width = max(map(len, found))
    for name, count in found.items():
        of = f"/{clients}" if name.startswith("clients equal") else ""
        print(f"{name:<{width}}  {count:>9,}{of}")


def is_whole(found: dict[str, Any], clients: int) -> bool:
    wrong = ("numbers missing in the log", "lost", "repeated after the cursor", "out of order")
    whole = found["clients equal to the database"] == clients
    return whole and not found["stores started anew"] and not any(found[name] for name in wrong)


def main() -> int:
    given = arguments()
    prepare()
    from tests.support.open_planner import open_planner

    with ExitStack() as stack:
        # New projects come all the time: who hears them must not be what this run is about.
        stack.enter_context(open_planner())
        hubs = start_servers(stack)
        found = asyncio.run(soak(given, hubs))
        complaints = list(filter(None, (hub.complaint() for hub in hubs)))
    print_table(found, given.clients)
    print(*complaints, sep="\n")
    if is_whole(found, given.clients) and not complaints:
        return 0
    print(f"Not as it has to be. Repeat with: --seed {given.seed}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
