"""What is timed on a log: reading it, numbering what is new, and pruning what is old."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from django.db import connection

from benchmarks import log_control
from benchmarks import log_filling as filling
from sync.cursor import Position
from sync.history import differences
from sync.models import SyncLog
from sync.publishing import head, publish
from sync.reading import changes_since
from sync.retention import prune

READS: Final = 20
BEHIND: Final = 1000
SNAPSHOT_PAGE: Final = 200
RECORD_ENTRIES: Final = 10

PASS: Final = 10_000
PASSES: Final = 3
BACKLOG: Final = 100_000
PRUNE_BATCH: Final = 1000
PRUNES: Final = 5

PAGE, SNAPSHOT, HISTORY = "catch-up page", "snapshot, first page", "object history"
PUBLISH, PUBLISH_CORE = "publish pass", "publish pass, core busy"
PRUNE = "prune batch"
CONTROL, CONTROL_CORE = "control, 10,000 rows", "control, core busy"
JUDGED: Final = (PAGE, SNAPSHOT, HISTORY, PUBLISH, PUBLISH_CORE, PRUNE)
MEASURES: Final = (*JUDGED, CONTROL, CONTROL_CORE)

PASS_RATE, CORE_RATE = "publish pass, changes/s", "publish pass, changes per second of one core"
BACKLOG_RATE = "backlog of 100,000, changes/s"
BACKLOG_CORE_RATE = "backlog of 100,000, changes per second of one core"
RATES: Final = (PASS_RATE, CORE_RATE, BACKLOG_RATE, BACKLOG_CORE_RATE)


def measure(size: int) -> dict[str, float]:
    """Return the median seconds of every measure on the log as it is, and the publishing rates in
    changes a second; the log has grown afterwards.

    Reading comes in turns with publishing, so that a busy moment of the machine meets only some.
    """
    reads: dict[str, list[float]] = {name: [] for name in READING}
    passes: list[Busy] = []
    controls: list[Busy] = []
    log_control.fill(size)
    for run in range(1, PASSES + 1):
        for name, read in READING.items():
            reads[name] += times(READS, lambda turn, run=run, read=read: read(turn * run, size))
        with on_one_core():
            passes.append(publish_pass(PASS, size, run))
            controls.append(busy(lambda run=run: log_control.replace(PASS, size, run)))
    pruned = prune_batches()
    with on_one_core():
        backlog = publish_pass(BACKLOG, size, PASSES + 1)
    found = {name: median(taken) for name, taken in reads.items()}
    found |= {PUBLISH: median(one.clock for one in passes), PRUNE: median(pruned)}
    found[PUBLISH_CORE] = median(one.core for one in passes)
    found[CONTROL] = median(one.clock for one in controls)
    found[CONTROL_CORE] = median(one.core for one in controls)
    found |= {PASS_RATE: PASS / found[PUBLISH], CORE_RATE: PASS / found[PUBLISH_CORE]}
    return found | {
        BACKLOG_RATE: BACKLOG / backlog.clock,
        BACKLOG_CORE_RATE: BACKLOG / backlog.core,
    }


def times(runs: int, read: Callable[[int], Any]) -> list[float]:
    """Return the time of each run but the first, for which nothing is in memory."""
    read(runs)
    return [timed(lambda turn=turn: read(turn)) for turn in range(runs)]


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def catch_up(run: int, size: int) -> None:
    """Read the page of a client that is so many changes behind."""
    end = head("default")
    start = SyncLog.objects.get(seq=end.seq - BEHIND)
    page = changes_since(Position.of_entry(end.epoch, start), filling.AUDIENCES)
    if page.reset or not page.changes:
        raise AssertionError(f"not a page of changes: {page.position}")


def snapshot(run: int, size: int) -> None:
    page = changes_since(None, filling.AUDIENCES, limit=SNAPSHOT_PAGE)
    if len(page.changes) < SNAPSHOT_PAGE // 2:
        raise AssertionError(f"only {len(page.changes)} changes in the first page")


def object_history(run: int, size: int) -> None:
    """Read every entry of one record and what each changed."""
    table, record = filling.record_with(RECORD_ENTRIES, run, size)
    entries = list(SyncLog.objects.of_record(table, record).order_by("-seq"))
    if len(entries) < RECORD_ENTRIES:
        raise AssertionError(f"{table} {record} has {len(entries)} entries")
    for entry in entries[:RECORD_ENTRIES]:
        differences(entry)


def publish_pass(count: int, size: int, run: int) -> Busy:
    """Add changes that wait for a number, publish them all, and return how long that took."""
    filling.add_pending(count, size, run)
    before = head("default").seq
    taken = busy(publish)
    numbered = head("default").seq - before
    if numbered != count:
        raise AssertionError(f"{numbered} of {count} changes were published")
    return taken


def busy(act: Callable[[], Any]) -> Busy:
    """Return how long something took."""
    pids = [os.getpid(), served_by()]
    before = sum(map(core_seconds, pids))
    seconds = timed(act)
    return Busy(seconds, sum(map(core_seconds, pids)) - before or seconds)


class Busy(NamedTuple):
    """Seconds by the clock, and seconds for which a core was busy: with this process and with the
    one of PostgreSQL that serves it."""

    clock: float
    core: float


READING: Final = {PAGE: catch_up, SNAPSHOT: snapshot, HISTORY: object_history}


def core_seconds(pid: int) -> float:
    """Return for how long a core has been busy with a process; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def prune_batches() -> list[float]:
    """Remove the oldest entries, and return the time of each batch; the first also finds out where
    the old entries end."""
    steps = prune("default", older_than=datetime.timedelta(), batch=PRUNE_BATCH)
    times = []
    for _ in range(PRUNES):
        started = time.perf_counter()
        removed = next(steps).removed
        times.append(time.perf_counter() - started)
        if sum(removed.values()) != PRUNE_BATCH:
            raise AssertionError(f"a batch of {PRUNE_BATCH} removed {removed}")
    return times


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
