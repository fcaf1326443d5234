"""The writers of the soak: every kind of write, from many threads, for as long as it takes."""

from __future__ import annotations

import datetime
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from django.db import DatabaseError, connections, transaction
from django.db.models import Value
from django.db.models.functions import Concat, Left

from hubproject.models import PlannerEntry, Project, Task

SHARED = 20
MOST_TASKS = 3000
LATE_SECONDS = 1.0
PAUSE_SECONDS = 0.03


class RolledBack(Exception):
    """Raised inside a transaction that is not to be committed."""


class Writers:
    """Threads that each repeat a random kind of transaction until told to stop."""

    def __init__(self, count: int, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.shared = make_shared_tasks()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed + n),), daemon=True)
            for n in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every thread end its transaction; raises what made one of them fail."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self, chance: random.Random) -> None:
        try:
            while not self._stopped.is_set():
                kind = chance.choices(KINDS, WEIGHTS)[0]
                outcome = self._write(kind, chance)
                with self._lock:
                    self.done[outcome] += 1
                self._stopped.wait(chance.uniform(0, PAUSE_SECONDS))
        except BaseException as failure:
            self.failure = failure
        finally:
            connections.close_all()

    def _write(self, kind: Callable[[Writers, random.Random], None], chance: random.Random) -> str:
        rolls_back, is_late = chance.random() < 0.08, chance.random() < 0.03
        try:
            with transaction.atomic():
                kind(self, chance)
                if is_late:
                    time.sleep(chance.uniform(0, LATE_SECONDS))
                if rolls_back:
                    raise RolledBack
        except RolledBack:
            return "rolled back"
        except DatabaseError:
            # Another has deleted the record, or waits for this one, which waits for the other.
            return "rolled back"
        return "committed late" if is_late else "committed"


def make_shared_tasks() -> list[int]:
    """Make the few tasks that all writers fight for; returns their keys, in the order to lock."""
    project = Project.objects.create(name="shared")
    titles = (f"shared {number}" for number in range(SHARED))
    return sorted(project.tasks.create(title=title).pk for title in titles)


def a_project(writers: Writers, chance: random.Random) -> None:
    project = Project.objects.create(name=f"project {chance.random():.6f}")
    tasks = [Task(project=project, title=f"task {n}") for n in range(chance.randint(1, 30))]
    Task.objects.bulk_create(tasks)
    days = (datetime.date(2026, 1, 1) + datetime.timedelta(days=n) for n in range(3))
    for day in days:
        PlannerEntry.objects.create(date=day, title="plan", task=chance.choice(tasks))


def a_task(writers: Writers, chance: random.Random) -> None:
    project = random_one(Project, chance)
    if project is not None:
        project.tasks.create(title=f"task {chance.random():.6f}")


def a_save(writers: Writers, chance: random.Random) -> None:
    task = random_one(Task, chance)
    if task is not None:
        task.status = chance.choice(Task.Status.values)
        task.title = f"task {chance.random():.6f}"
        task.save(update_fields=["status", "title"])


def shared_tasks(writers: Writers, chance: random.Random) -> None:
    """A write of its own comes first, and takes the lower id; then everybody waits in line."""
    a_task(writers, chance)
    for pk in sorted(chance.sample(writers.shared, 3)):
        notes = Left(Concat(Value(f"{chance.random():.4f};"), "notes"), 100)
        Task.objects.filter(pk=pk).update(notes=notes)


def many_at_once(writers: Writers, chance: random.Random) -> None:
    project = random_one(Project, chance)
    if project is not None:
        own = Task.objects.filter(project=project).exclude(pk__in=writers.shared)
        own.update(status=chance.choice(Task.Status.values), notes=f"{chance.random():.6f}")


def bulk_update(writers: Writers, chance: random.Random) -> None:
    tasks = list(Task.objects.exclude(pk__in=writers.shared).order_by("pk")[:20])
    for task in tasks:
        task.title = f"bulk {chance.random():.6f}"
    Task.objects.bulk_update(tasks, ["title"])


def nothing_new(writers: Writers, chance: random.Random) -> None:
    task = random_one(Task, chance)
    if task is not None:
        Task.objects.filter(pk=task.pk).update(title=task.title)


def a_delete(writers: Writers, chance: random.Random) -> None:
    task = random_one(Task, chance)
    if task is not None and task.pk not in writers.shared:
        task.delete()


def a_cascade(writers: Writers, chance: random.Random) -> None:
    shared = Task.objects.filter(pk__in=writers.shared).values("project")
    project = Project.objects.exclude(pk__in=shared).order_by("pk").first()
    if project is not None and (Task.objects.count() > MOST_TASKS or chance.random() < 0.3):
        PlannerEntry.objects.filter(task__project=project).delete()
        project.delete()


def more_than_a_page(writers: Writers, chance: random.Random) -> None:
    project = Project.objects.create(name="large")
    Task.objects.bulk_create(Task(project=project, title=f"part {n}") for n in range(600))
    if Task.objects.count() > MOST_TASKS:
        project.delete()


def random_one(model: type[Project | Task], chance: random.Random) -> Project | Task | None:
    last = model.objects.order_by("-pk").first()
    if last is None:
        return None
    return model.objects.filter(pk__lte=chance.randint(1, last.pk)).order_by("-pk").first()


CHANCES: dict[Callable[[Writers, random.Random], None], float] = {
    a_task: 20,
    a_save: 30,
    shared_tasks: 15,
    a_project: 5,
    many_at_once: 5,
    bulk_update: 3,
    nothing_new: 5,
    a_delete: 10,
    a_cascade: 6,
    more_than_a_page: 0.2,
}
KINDS, WEIGHTS = list(CHANCES), list(CHANCES.values())
