"""A small planner to look at, for an installation that has none yet."""

import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

import sync
from hubproject.models import PlannerEntry, Project, Task

# Project -> (title, status, days until due, notes)
SAMPLE: dict[str, list[tuple[str, str, int | None, str]]] = {
    "Move to the new office": [
        ("Sign the lease", Task.Status.DONE, -5, "Two copies, one for the archive."),
        ("Order desks", Task.Status.DOING, 2, ""),
        ("Tell the post office", Task.Status.TODO, 9, "The new address holds from the first."),
        ("Plan the house-warming", Task.Status.TODO, None, ""),
    ],
    "Spring release": [
        ("Collect feedback on the beta", Task.Status.DOING, 1, ""),
        ("Write the release notes", Task.Status.TODO, 6, "Short: what changes for whom."),
        ("Check the backups", Task.Status.TODO, 3, ""),
    ],
}

# Title, days from today, title of the task
PLAN: list[tuple[str, int, str | None]] = [
    ("Call the desk maker", 0, "Order desks"),
    ("Read the beta answers", 0, "Collect feedback on the beta"),
    ("Lunch with the landlord", 1, None),
]


@transaction.atomic
def load_sample(user: Any) -> bool:
    """Fill an empty planner for a user and tell whether it was empty; never adds to data that is
    there."""
    if Project.objects.exists():
        return False
    today = timezone.localdate()
    with sync.context(reason="sample data"):
        for name, tasks in SAMPLE.items():
            project = Project.objects.create(name=name)
            project.memberships.create(user=user)
            for title, status, due_in, notes in tasks:
                due = None if due_in is None else today + datetime.timedelta(days=due_in)
                project.tasks.create(title=title, status=status, due=due, notes=notes)
        for title, days, task_title in PLAN:
            task = Task.objects.filter(title=task_title).first()
            date = today + datetime.timedelta(days=days)
            PlannerEntry.objects.create(title=title, date=date, task=task, owner=user)
    return True
