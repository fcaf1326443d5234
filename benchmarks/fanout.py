"""How fast does a change reach thousands of clients? This hub and other servers, core for core.

    make bench ARGS="--quick"

Starts every server on the loopback interface with one core of its own, one after the other and
round by round, ends them all, and prints tables, and whether the goals are met.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tqdm import tqdm  # noqa: E402

from benchmarks import markdown  # noqa: E402
from benchmarks.fanout_rounds import FIGURES, Found, Run  # noqa: E402
from benchmarks.fanout_servers import leave_the_servers_core  # noqa: E402
from benchmarks.servers import database, prepare  # noqa: E402
from tests.support.redis import RedisServer  # noqa: E402

SPARE_FILES = 200
USUAL = {
    "clients": [100, 1000, 5000, 10_000],
    "rounds": 3,
    "seconds": 1.5,
    "idle": 2000,
    "storm": 5000,
    "changes": 100,
}
QUICK = {
    "clients": [100, 1000],
    "rounds": 1,
    "seconds": 0.5,
    "idle": 500,
    "storm": 1000,
    "changes": 15,
}
MOST_CLIENTS = 20_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    option = parser.add_argument
    option("--quick", action="store_true", help="a look of a few minutes at small sizes")
    option("--subjects", nargs="+", default=[], metavar="PART", help="parts of names (all)")
    option("--figures", nargs="+", default=list(FIGURES), choices=FIGURES, help="what (all)")
    option("--clients", type=int, nargs="+", help="sizes of the crowd (100 1000 5000 10000)")
    option("--rounds", type=int, help="how often everything is measured (3)")
    option("--seconds", type=float, help="how long bursts are sent to one crowd (1.5)")
    option("--idle", type=int, help="connections whose memory is measured (2000)")
    option("--storm", type=int, help="clients that come at once (5000)")
    option("--changes", type=int, help="changes whose latency is measured, one a second (100)")
    option("--json", type=Path, metavar="FILE", help="keep the figures here")
    option("--write", type=Path, metavar="DOCUMENT", help="replace the tables of this document")
    given = parser.parse_args()
    for name, value in (QUICK if given.quick else USUAL).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.clients = sorted(set(given.clients))
    given.audience = min(1000, given.clients[-1])
    most = max(*given.clients, given.idle, given.storm)
    if min(*given.clients, given.rounds, given.idle, given.storm, given.changes) < 1:
        parser.error("every number has to be 1 or more")
    if most > MOST_CLIENTS or not 0 < given.seconds <= 60 or given.rounds > 20:
        parser.error(f"at most {MOST_CLIENTS:,} clients, 60 seconds and 20 rounds")
    open_files(2 * given.audience + most)
    return given


def open_files(clients: int) -> None:
    """Allow this process and the servers that it starts so many sockets, or say what is missing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < clients + SPARE_FILES:
        sys.exit(f"{clients:,} clients need more open files than {hard:,} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (clients + SPARE_FILES, hard))


def measured(given: argparse.Namespace) -> Found:
    leave_the_servers_core()
    with database("postgresql") as url, RedisServer() as redis:
        # Both this process, which writes, and the hub have these settings.
        os.environ["BENCH_REDIS_URL"] = redis.url
        prepare(url, "benchmarks.peers.hub_settings")
        run = Run(given, url, redis.url)
        steps = list(run.steps())
        with tqdm(steps, unit="") as bar, suppress(KeyboardInterrupt):
            for name, step in bar:
                bar.set_description(name)
                attempt(name, step, run.found)
        return run.found


def attempt(name: str, step: Callable[[], None], found: Found) -> None:
    """Do a step; one that fails is reported, for the others are worth having all the same."""
    started = time.perf_counter()
    try:
        step()
    except Exception as error:
        found.failures.append(f"{name}: {error}")
        notes = "\n".join(getattr(error, "__notes__", []))
        tqdm.write(f"{name} failed: {error!r}\n{notes}", file=sys.stderr)
    found.took[name] = time.perf_counter() - started


def main() -> None:
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("Linux is needed: servers are held to one core, and clients wait by epoll.")
    given = arguments()
    # Whoever ends it early gets the report of what was measured until then.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found = measured(given)
    if given.json:
        given.json.write_text(json.dumps(vars(found), default=dataclasses.asdict))
    from benchmarks.fanout_report import report

    text = "\n\n".join(filter(None, report(found, given.storm, given.audience)))
    print(text)
    if given.write:
        markdown.rewrite(given.write, "fanout", text)


if __name__ == "__main__":
    main()
