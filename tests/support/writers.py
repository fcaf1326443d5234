"""Threads that write to the planner while a scenario goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

from django.db import transaction

from hubproject.models import Project, Task
from tests.support.late import RolledBack
from tests.support.off_loop import eventually, off_loop
from tests.support.threads import in_threads


class Writers:
    """Write until told to stop: single saves, bulk, deletes, and what is rolled back.

    The projects to write to are there before, so that who joins then hears all that follows.
    """

    def __init__(self, count: int = 4) -> None:
        self._rounds = [0] * count
        self._projects = [Project.objects.create(name=f"writer {n}") for n in range(count)]
        self._stopped = False

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Self]:
        """Have the threads write; at the end of the block they have stopped."""
        writing = asyncio.create_task(off_loop(self._run))
        try:
            yield self
        finally:
            self._stopped = True
            await writing

    async def have_written(self, rounds: int) -> None:
        """Wait until every writer has done so many rounds more."""
        goals = [done + rounds for done in self._rounds]
        await eventually(lambda: all(map(int.__le__, goals, self._rounds)))

    def _run(self) -> None:
        in_threads(*(lambda n=n: self._write(n) for n in range(len(self._rounds))))

    def _write(self, number: int) -> None:
        project = self._projects[number]
        while not self._stopped:
            write_round(project, self._rounds[number])
            self._rounds[number] += 1


def write_round(project: Project, number: int) -> None:
    """Write a handful of changes in several transactions."""
    task = project.tasks.create(title=f"round {number}")
    Task.objects.filter(pk=task.pk).update(status="doing")
    with transaction.atomic():
        project.tasks.bulk_create(Task(project=project, title=f"{number}.{n}") for n in range(2))
        project.tasks.update(notes=f"round {number}")
    with contextlib.suppress(RolledBack), transaction.atomic():
        task.delete()
        raise RolledBack
    if number % 3 == 2:
        project.tasks.all().delete()
