"""Who is connected under load: users with devices in one project, and what changes in it."""

from __future__ import annotations

from typing import Any

BATCH = 1000


def make_world(users: int, clients: int, *, project: str = "Load") -> list[str]:
    """Make users who share a project, and devices for so many clients; return their tokens."""
    from django.contrib.auth import get_user_model

    from hubproject.models import Membership, Project
    from realtime.devices import give_token, new_device
    from realtime.models import Device

    User: Any = get_user_model()
    people = User.objects.bulk_create(
        [User(username=f"{project} {n}", password="!") for n in range(users)], batch_size=BATCH
    )
    shared = Project.objects.create(name=project)
    Membership.objects.bulk_create(
        [Membership(project=shared, user=user) for user in people], batch_size=BATCH
    )
    devices = [new_device(user=people[n % users], name=f"device {n}") for n in range(clients)]
    tokens = [give_token(device) for device in devices]
    Device.objects.bulk_create(devices, batch_size=BATCH)
    return tokens


def join_project(name: str, other: str) -> None:
    """Have the members of a project be members of another one as well."""
    from hubproject.models import Membership, Project

    members = Membership.objects.filter(project__name=name).values_list("user_id", flat=True)
    project = Project.objects.get(name=other)
    Membership.objects.bulk_create(
        [Membership(project=project, user_id=user) for user in members], batch_size=BATCH
    )


def change(count: int, *, project: str = "Load", title: str = "Task", notes: int = 100) -> str:
    """Make so many tasks in one transaction, and return the cursor of the end of the log."""
    from django.db import transaction

    from hubproject.models import Project, Task
    from sync.publishing import publish

    shared = Project.objects.get(name=project)
    with transaction.atomic():
        for start in range(0, count, BATCH):
            Task.objects.bulk_create(
                [
                    Task(project=shared, title=f"{title} {n}", notes="x" * notes)
                    for n in range(start, min(count, start + BATCH))
                ]
            )
    return publish().cursor
