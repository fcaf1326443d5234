"""What is timed on a log: reading it, numbering what is new, and pruning what is old."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any, Final

from django.db import connection
from tqdm import tqdm

from benchmarks import log_filling as filling
from sync.cursor import Position
from sync.history import differences
from sync.models import SyncLog
from sync.publishing import head, publish
from sync.reading import changes_since

READS: Final = 40
BEHIND: Final = 1000
SNAPSHOT_PAGE: Final = 200
RECORD_ENTRIES: Final = 10

PASS: Final = 10_000
PASSES: Final = 3
BACKLOG: Final = 100_000
PRUNE_BATCH: Final = 1000
PRUNES: Final = 5

PAGE, SNAPSHOT, HISTORY = "catch-up page", "snapshot, first page", "object history"
PUBLISH, PRUNE = "publish pass", "prune batch"
MEASURES: Final = (PAGE, SNAPSHOT, HISTORY, PUBLISH, PRUNE)
BACKLOG_RATE, PASS_RATE = "backlog rate", "publish rate"


def measure(size: int) -> dict[str, float]:
    """Return the median seconds of every measure on the log as it is, and the publishing rates in
    changes a second; the log has grown afterwards."""
    found = {
        PAGE: median_of(READS, lambda run: catch_up()),
        SNAPSHOT: median_of(READS, lambda run: snapshot()),
        HISTORY: median_of(READS, lambda run: object_history(run, size)),
    }
    with on_one_core():
        passes = [publish_pass(PASS, size, run) for run in range(1, PASSES + 1)]
        found[PUBLISH] = median(passes)
        found[PASS_RATE] = PASS / found[PUBLISH]
    found[PRUNE] = median(prune_batches())
    with on_one_core():
        found[BACKLOG_RATE] = BACKLOG / publish_pass(BACKLOG, size, PASSES + 1)
    return found


def median_of(runs: int, read: Callable[[int], Any]) -> float:
    """Return the median time; the first run, for which nothing is in memory, does not count."""
    read(runs)
    return median(timed(lambda run=run: read(run)) for run in range(runs))


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def catch_up() -> None:
    """Read the page of a client that is so many changes behind."""
    end = head("default")
    start = SyncLog.objects.get(seq=end.seq - BEHIND)
    page = changes_since(Position.of_entry(end.epoch, start), filling.AUDIENCES)
    if page.reset or not page.changes:
        raise AssertionError(f"not a page of changes: {page.position}")


def snapshot() -> None:
    page = changes_since(None, filling.AUDIENCES, limit=SNAPSHOT_PAGE)
    if len(page.changes) < SNAPSHOT_PAGE // 2:
        raise AssertionError(f"only {len(page.changes)} changes in the first page")


def object_history(run: int, size: int) -> None:
    """Read every entry of one record and what each changed."""
    table, record = filling.record_with(RECORD_ENTRIES, run, size)
    entries = list(SyncLog.objects.filter(table=table, record_id=record).order_by("-seq"))
    if len(entries) < RECORD_ENTRIES:
        raise AssertionError(f"{table} {record} has {len(entries)} entries")
    for entry in entries[:RECORD_ENTRIES]:
        differences(entry)


def publish_pass(count: int, size: int, run: int) -> float:
    """Add changes that wait for a number, and return the time of publishing them all."""
    filling.add_pending(count, size, run)
    before = head("default").seq
    seconds = timed(publish)
    numbered = head("default").seq - before
    if numbered != count:
        raise AssertionError(f"{numbered} of {count} changes were published")
    return seconds


def prune_batches() -> Iterable[float]:
    """Remove the oldest entries, batch by batch, and yield the time of each that removed some."""
    from sync.retention import prune

    age = datetime.timedelta(seconds=filling.SECONDS_PER_ENTRY)
    steps = prune("default", older_than=age, batch=PRUNE_BATCH)
    # The first batch also finds out where the old entries end.
    times = [timed(lambda: next(steps)) for _ in range(PRUNES)]
    return itertools.islice(times, PRUNES)


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process and the PostgreSQL process that serves it on one and the same core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    pids = [os.getpid(), served_by()]
    before = {pid: os.sched_getaffinity(pid) for pid in pids}
    core = {max(before[pids[0]])}
    for pid in pids:
        os.sched_setaffinity(pid, core)
    try:
        yield
    finally:
        for pid, cores in before.items():
            os.sched_setaffinity(pid, cores)


def served_by() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def over(sizes: list[int]) -> dict[int, dict[str, float]]:
    """Measure on a log of each size."""
    found = {}
    for size in tqdm(sizes, desc="sizes", unit=""):
        filled = filling.fill(size)
        found[size] = measure(filled)
    return found
