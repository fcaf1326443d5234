"""A planner that several people have worked with for weeks, to make pictures of its history."""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

import sync
from hubproject.models import PlannerEntry, Task
from hubproject.sample import load_sample
from realtime.models import Client, Presence
from sync.cursor import Position
from sync.models import LogHead, SyncLog, log_maintenance
from sync.publishing import publish
from tests.support.history_story import Story

DAYS: Final = 24
SEED: Final = 7
NOTES: Final = (
    "Two copies, one for the archive.",
    "Two signed copies, one for the archive and one for the landlord.",
    "Two signed copies, one for the archive. The landlord has got his on Monday.",
)
WAYS: Final = (
    {"source": "admin", "request_id": "b1f7"},
    {"source": "websocket", "client_id": "laptop-of-grace"},
    {"source": "websocket", "client_id": "phone-of-ada"},
)


def work_with_the_planner() -> tuple[User, Story]:
    """Make changes over some weeks; returns who sees them, and what to show of them."""
    choose = random.Random(SEED)
    grace = User.objects.create_superuser("grace", first_name="Grace")
    ada = User.objects.create_user("ada", first_name="Ada", is_staff=True)
    with sync.context(actor=grace, source="admin"):
        load_sample(grace)
    for _ in range(DAYS):
        _one_day(choose, (grace, ada))
        _grow_older(hours=24 - choose.randrange(5))
    return grace, _the_lease(grace, ada)


def _one_day(choose: random.Random, people: tuple[User, ...]) -> None:
    for _ in range(choose.randrange(2, 9)):
        with _somebody(choose, people):
            _change_something(choose)
        _grow_older(minutes=choose.randrange(5, 50))
    if choose.random() < 0.2:
        with sync.context(actor="nightly import", source="command", reason="dates of the vendor"):
            Task.objects.filter(due__isnull=False).update(due=F("due") + datetime.timedelta(days=1))


@contextmanager
def _somebody(choose: random.Random, people: tuple[User, ...]) -> Iterator[None]:
    with sync.context(actor=choose.choice(people), **choose.choice(WAYS)):
        yield


def _change_something(choose: random.Random) -> None:
    task = choose.choice(list(Task.objects.all()))
    kind = choose.random()
    if kind < 0.6:
        task.status = choose.choice(Task.Status.values)
        task.save()
    elif kind < 0.8:
        task.due = timezone.localdate() + datetime.timedelta(days=choose.randrange(30))
        task.save()
    elif kind < 0.9:
        date = timezone.localdate() + datetime.timedelta(days=choose.randrange(5))
        PlannerEntry.objects.create(date=date, title=f"Talk about: {task}", task=task)
    elif (entry := PlannerEntry.objects.first()) is not None:
        entry.delete()


def _the_lease(grace: User, ada: User) -> Story:
    """Write the last changes, of one record, so that pages about it have something to tell."""
    task = Task.objects.get(title="Sign the lease")
    for number, notes in enumerate(NOTES):
        with sync.context(actor=(ada, grace)[number % 2], source="admin", reason="as agreed"):
            _set(task, notes=notes, status=Task.Status.DOING)
        _grow_older(minutes=11)
    with sync.context(actor=grace, source="admin", reason="The landlord has signed."):
        _set(task, title="File the signed lease", status=Task.Status.DONE)
    _connect(grace, ada, publish())
    last = SyncLog.objects.of_record("tasks", str(task.pk)).latest("seq")
    assert last.seq is not None
    return Story("tasks", str(task.pk), last.pk, last.seq, last.transaction)


def _set(task: Task, **values: Any) -> None:
    for name, value in values.items():
        setattr(task, name, value)
    task.save()


def _connect(grace: User, ada: User, end: Position) -> None:
    relay = uuid.uuid4()
    for user, client_id, platform, lag in (
        (grace, "laptop-of-grace", "Electron on Linux", 0),
        (ada, "phone-of-ada", "Android", 23),
        (ada, "browser-of-ada", "Firefox", 1),
    ):
        Client.objects.create(client_id=client_id, user=user)
        Presence.objects.create(
            relay=relay,
            client_id=client_id,
            user_id=str(user.pk),
            platform=platform,
            app_version="1.4.0",
            address="192.0.2.7",
            caught_up=True,
            acknowledged=Position(end.epoch, end.seq - lag).cursor,
        )


def _grow_older(**age: float) -> None:
    """Publish what is pending, and move all of the log into the past."""
    publish()
    shift = datetime.timedelta(**age)
    times = {name: F(name) - shift for name in ("recorded_at", "published_at")}
    with log_maintenance():
        SyncLog.objects.published().update(**times)
    LogHead.objects.update(published_at=times["published_at"])
