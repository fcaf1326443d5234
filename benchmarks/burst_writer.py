"""Writes changes from a process of its own, as a burst benchmark asks it to.

    python benchmarks/burst_writer.py transaction 100000
    python benchmarks/burst_writer.py rate 1000 60

The first makes so many tasks in one transaction. The second changes so many tasks a second for so
many seconds, fifty by one statement, among a thousand tasks: what is missed can be compacted.
Prints how long it took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TASKS = 1000
AT_ONCE = 50


def in_one_transaction(count: int) -> int:
    """Make so many tasks; return how many."""
    from django.db import transaction

    from hubproject.models import Project, Task

    project = Project.objects.get(name="Load")
    with transaction.atomic():
        for start in range(0, count, TASKS):
            size = min(TASKS, count - start)
            Task.objects.bulk_create(
                [Task(project=project, title=f"Burst {start + n}") for n in range(size)]
            )
    return count


def at_a_rate(rate: int, seconds: float) -> int:
    """Change tasks at a rate, or as fast as the database allows; return how many changes."""
    from hubproject.models import Project, Task

    project = Project.objects.get(name="Load")
    tasks = Task.objects.bulk_create(
        [Task(project=project, title=f"Steady {n}") for n in range(TASKS)]
    )
    groups = [[task.pk for task in tasks[n : n + AT_ONCE]] for n in range(0, TASKS, AT_ONCE)]
    began, written = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        if written > rate * passed:
            time.sleep(AT_ONCE / rate / 2)
            continue
        group = groups[written // AT_ONCE % len(groups)]
        Task.objects.filter(pk__in=group).update(title=f"Steady {written}")
        written += AT_ONCE
    return written + TASKS


def main() -> int:
    import django

    django.setup()
    kind, *numbers = sys.argv[1:]
    began = time.monotonic()
    write = {"transaction": in_one_transaction, "rate": at_a_rate}[kind]
    print(write(*map(int, numbers)), f"{time.monotonic() - began:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
