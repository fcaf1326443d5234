"""Does one large write, and prints as JSON what memory the process had before and at most.

DATABASE_URL=... python -m benchmarks.memory_write update 1000000
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from tqdm import tqdm

from benchmarks.servers import prepare

CHUNK = 50_000
STATUS = Path("/proc/self/status")

# Enough for SQLite, which has no generate_series without an extension.
_ROWS = """
INSERT INTO tasks (project_id, title, status, notes, due)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
SELECT %s, 'task ' || n, 'todo', 'What there is to say of it. What there is to say of it.', NULL
FROM numbers
"""


def main() -> None:
    write, rows = sys.argv[1], int(sys.argv[2])
    prepare(os.environ["DATABASE_URL"], "hubproject.settings")
    make_rows(rows)
    forget_highest()
    before = megabytes("VmRSS")
    started = time.perf_counter()
    {"update": update, "backfill": backfill}[write](rows)
    seconds = time.perf_counter() - started
    highest = megabytes("VmHWM")
    from sync.models import SyncLog

    recorded = SyncLog.objects.filter(table="tasks").count()
    found = {"before": before, "highest": highest, "seconds": seconds, "recorded": recorded}
    json.dump(found, sys.stdout)


def make_rows(count: int) -> None:
    """Make rows from before the table was registered, in SQL, so that nothing stays in memory."""
    from django.db import connection

    from hubproject.models import Project, Task
    from sync.registry import registry

    project = Project.objects.create(name="large")
    registration = registry.get(Task)
    registry.remove(Task)
    with connection.cursor() as cursor:
        for start in tqdm(range(0, count, CHUNK), desc="rows", leave=False):
            cursor.execute(_ROWS, [min(CHUNK, count - start), project.pk])
    registry.add(registration)


def update(rows: int) -> None:
    from hubproject.models import Task

    if Task.objects.update(status=Task.Status.DONE) != rows:
        raise AssertionError("not every row was updated")


def backfill(rows: int) -> None:
    from hubproject.models import Task
    from sync.backfilling import backfill as backfilled

    with tqdm(total=rows, desc="backfill", leave=False) as bar:
        for read, _ in backfilled(Task, "default"):
            bar.update(read)


def forget_highest() -> None:
    """Have Linux count the highest figure anew, for starting took memory too."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def megabytes(name: str) -> float:
    """Return a figure of this process as Linux counts it; `VmHWM` is the highest it ever was."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
