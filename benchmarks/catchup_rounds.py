"""What is timed of a catch-up, in a process of its own: `benchmarks/catchup.py` starts it.

The log is made by the hub's own recording: tasks of one project, half of them changed since by a
client, in transactions of one to five.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any

from tqdm import tqdm

from benchmarks.servers import prepare

prepare(os.environ["DATABASE_URL"], "hubproject.settings")

from django.db import connection, transaction  # noqa: E402

import sync  # noqa: E402
from benchmarks.catchup_stages import STAGES, stages  # noqa: E402
from benchmarks.log_measures import core_seconds, served_by  # noqa: E402
from hubproject.models import Project, Task  # noqa: E402
from realtime.composing import PageText, composed  # noqa: E402
from realtime.sharing import Asked, SharedPages  # noqa: E402
from sync.conf import conf  # noqa: E402
from sync.cursor import Position  # noqa: E402
from sync.models import SyncLog  # noqa: E402
from sync.publishing import publish  # noqa: E402
from sync.reading import changes_since  # noqa: E402

NOTES = "What there is to say about it, in a line or two. " * 2
SIZES = (1, 5, 3, 2, 4)


def fill(changes: int) -> tuple[Position, Position, frozenset[str]]:
    """Make so many changes of as many records; return where they begin and end, and who hears
    them."""
    project = Project.objects.create(name="Move")
    start = publish()
    tasks = [
        Task(project=project, title=f"Task {n} of the day", notes=NOTES) for n in range(changes)
    ]
    for part in tqdm(list(parts(tasks)), desc="filling", leave=False):
        Task.objects.bulk_create(part)
    with sync.context(client_id="laptop-of-ada"):
        for part in tqdm(list(parts(tasks[::2])), desc="changing", leave=False):
            with transaction.atomic():
                for task in part:
                    task.status = Task.Status.DONE
                    task.save(update_fields=["status"])
    end = publish()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) sync_log, sync_newest")
    return start, end, frozenset([f"project:{project.pk}"])


def parts(tasks: list[Task]) -> Iterator[list[Task]]:
    rest = iter(tasks)
    for size in itertools.cycle(SIZES):
        part = list(itertools.islice(rest, size))
        if not part:
            return
        yield part


def by_instances(start: Position, end: Position, heard: frozenset[str]) -> Iterator[bytes]:
    """Yield the pages as they would be made without thinking about it."""
    after, limit = start.seq, conf().PAGE_LIMIT
    while True:
        newest = SyncLog.objects.newest().filter(audience__in=heard, seq__lte=end.seq)
        rows = list(newest.filter(seq__gt=after).order_by("seq")[: limit + 1])
        has_more, rows = len(rows) > limit, rows[:limit]
        last = rows[-1]
        message = {
            "type": "sync_response",
            "changes": [as_dict(end.epoch, row) for row in rows],
            "syncTimestamp": last.published_at.isoformat(),
            "cursor": Position.of_entry(end.epoch, last).cursor,
            "hasMore": has_more,
        }
        yield json.dumps(message).encode()
        if not has_more:
            return
        after = last.seq


def as_dict(epoch: str, row: SyncLog) -> dict[str, Any]:
    found = {
        "table": row.table,
        "recordId": row.record_id,
        "action": row.action,
        "data": json.loads(row.data),
        "audience": row.audience,
        "timestamp": row.published_at.isoformat(),
        "cursor": f"{epoch}-{row.seq}-{row.transaction.hex[-8:]}",
        "transaction": str(row.transaction),
    }
    if row.changed:
        found["changed"] = json.loads(row.changed)
    if row.client_id:
        found["origin"] = row.client_id
    return found


def by_hub(start: Position, end: Position, heard: frozenset[str]) -> Iterator[bytes]:
    """Yield the frames of the pages that a database thread of the hub makes."""
    while True:
        page = composed(changes_since(start, heard, upto=end))
        yield page.frame().wire
        if not page.has_more:
            return
        start = page.position


def by_sharing(
    start: Position, end: Position, heard: frozenset[str]
) -> Callable[[], list[PageText]]:
    """Return what reads the pages that others have read just before."""
    loop, pages = asyncio.new_event_loop(), SharedPages()

    async def read() -> list[PageText]:
        found: list[PageText] = []
        at = start
        while not found or found[-1].has_more:
            asked = Asked(at, heard, heard, None, None, end, with_cursor=True)
            found.append(await pages.read(asked))
            assert found[-1].frame().wire
            at = found[-1].position
        return found

    def again() -> list[PageText]:
        return loop.run_until_complete(read())

    return again


def timed(act: Callable[[], Iterable[Any]], changes: int, pid: int | None) -> dict[str, float]:
    """Return microseconds a change: of this process, of the database's, and by the clock; and pages
    a second."""
    server = core_seconds(pid) if pid else 0.0
    cpu, clock = time.process_time(), time.perf_counter()
    pages = sum(1 for _ in act())
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    server = (core_seconds(pid) if pid else 0.0) - server
    found = {"cpu": cpu, "server": server, "all": cpu + server, "clock": clock}
    return {name: value * 1e6 / changes for name, value in found.items()} | {"pages": pages / clock}


def same(of_instances: Iterable[bytes], of_hub: Iterable[bytes]) -> int:
    """Make sure that both ways say the same of the same changes; return the bytes of a page."""
    texts = [frame[frame.index(b"{") :] for frame in of_hub]  # behind the head of the frame
    of_instances, of_hub = (
        [change for text in pages for change in json.loads(text)["changes"]]
        for pages in (of_instances, texts)
    )
    for change in [*of_instances, *of_hub]:
        change["timestamp"] = change["timestamp"].replace("+00:00", "Z")
    if of_instances != of_hub:
        raise AssertionError("the two ways to read do not say the same")
    return sum(map(len, texts)) // len(texts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    given = parser.parse_args()
    asked = fill(given.changes)
    pid = served_by() if connection.vendor == "postgresql" else None
    size = same(by_instances(*asked), by_hub(*asked))
    conf_of_pages = {"SHARED_PAGES_BYTES": 2**40, "SHARED_PAGES_TIME": 3600.0}
    from django.test import override_settings

    rounds: list[dict[str, dict[str, float]]] = []
    steps: list[dict[str, float]] = []
    with override_settings(REALTIME=conf_of_pages):
        ways = {
            "instances": lambda: by_instances(*asked),
            "hub": lambda: by_hub(*asked),
            "shared": by_sharing(*asked),
        }
        ways["shared"]()
        for _ in tqdm(range(given.rounds), desc=connection.vendor, leave=False):
            rounds.append({name: timed(act, given.changes, pid) for name, act in ways.items()})
            steps.append(stages(*asked, given.changes))
    found: dict[str, Any] = {
        way: {key: median(one[way][key] for one in rounds) for key in rounds[0][way]}
        for way in ways
    }
    found["ratios"] = {
        key: median(one["instances"][key] / one["hub"][key] for one in rounds)
        for key in ("cpu", "all", "clock")
    }
    found["stages"] = {stage: median(one[stage] for one in steps) for stage in STAGES}
    found["bytes"] = size
    found["data"] = len(SyncLog.objects.filter(table="tasks").first().data)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
