"""Times every write on every table, round after round, in one process on one database.

    DATABASE_URL=... python -m benchmarks.capture_rounds --seconds 60

Prints the raw figures as JSON. `benchmarks/capture.py` runs it once for each database.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from tqdm import tqdm

from benchmarks.servers import prepare

AUTOCOMMIT = "autocommit"
TRANSACTION = "in a transaction"
NOT_WAITING = "autocommit, synchronous_commit=off"

FEWEST = 3

Timed = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--label", default="measuring")
    given = parser.parse_args()
    prepare(os.environ["DATABASE_URL"], "benchmarks.capture_settings")
    json.dump(measure(given.seconds, given.rounds, given.label), sys.stdout)


def measure(seconds: float, rounds: int | None, label: str) -> dict[str, Any]:
    """Time rounds until the time is over, at least `FEWEST`, after one that does not count."""
    from benchmarks.capture_subjects import acting_user, subjects

    compared, user = subjects(os.environ.get("BENCH_CAPTURE", "")), acting_user()
    until = time.monotonic() + seconds
    one_round(compared, user, random.Random(0))
    counted = count(compared, user)
    timed: list[dict[Any, Timed]] = []
    with tqdm(desc=label, unit=" rounds", total=rounds) as bar:
        while len(timed) < (rounds or FEWEST) or (rounds is None and time.monotonic() < until):
            timed.append(one_round(compared, user, random.Random(len(timed))))
            bar.update()
    return {
        "subjects": [subject.name for subject in compared],
        "counts": counted,
        "times": together(timed),
        "rounds": len(timed),
    }


def one_round(compared: list[Any], user: Any, chance: random.Random) -> dict[Any, Timed]:
    """Time each write of each mode on each table once, the tables in an order of their own each
    time, so that whatever disturbs the machine disturbs all alike."""
    from benchmarks.capture_operations import OPERATIONS
    from sync.publishing import publish

    found: dict[Any, Timed] = {}
    for mode in modes():
        for operation in OPERATIONS:
            for subject in chance.sample(compared, len(compared)):
                run = operation.prepare(subject)
                with subject.acting(user), in_mode(mode):
                    wall, cpu = timed_run(run, mode)
                key = (mode, operation.name, subject.name)
                found[key] = (wall / operation.times, cpu / operation.times)
            publish()
    return found


def timed_run(run: Any, mode: str) -> Timed:
    from django.db import transaction

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    with transaction.atomic() if mode == TRANSACTION else nullcontext():
        run()
    return time.perf_counter() - wall, time.process_time() - cpu


def modes() -> list[str]:
    from django.db import connection

    return [AUTOCOMMIT, TRANSACTION] + [NOT_WAITING] * (connection.vendor == "postgresql")


@contextmanager
def in_mode(mode: str) -> Iterator[None]:
    from django.db import connection

    if mode != NOT_WAITING:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET synchronous_commit")


def count(compared: list[Any], user: Any) -> dict[str, dict[str, Any]]:
    """Count the statements of each write, and the entries that it left and that say who acted."""
    from benchmarks.capture_operations import OPERATIONS

    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        for subject in compared:
            run = operation.prepare(subject)
            before = subject.explained(user)
            with subject.acting(user):
                statements, commits = counted_run(run)
            found[operation.name][subject.name] = {
                "statements": statements / operation.times,
                "transactions": commits / operation.times,
                "entries": (subject.explained(user) - before) / operation.times,
                "rows": operation.rows,
            }
    return found


def counted_run(run: Any) -> tuple[int, int]:
    """Return how many statements and how many explicit transactions a run takes."""
    from django.db import connection

    statements: list[str] = []
    commits: list[None] = []
    commit = connection._commit

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("BEGIN"):
            statements.append(sql)
        return execute(sql, params, many, context)

    def noted_commit() -> None:
        commits.append(None)
        commit()

    connection._commit = noted_commit
    try:
        with connection.execute_wrapper(note):
            run()
    finally:
        del connection._commit
    return len(statements), len(commits)


def together(rounds: list[dict[Any, Timed]]) -> list[dict[str, Any]]:
    return [
        {
            "mode": mode,
            "operation": operation,
            "subject": subject,
            "wall": [one[mode, operation, subject][0] for one in rounds],
            "cpu": [one[mode, operation, subject][1] for one in rounds],
        }
        for mode, operation, subject in rounds[0]
    ]


if __name__ == "__main__":
    main()
