"""What the log holds from the time when everybody heard the whole planner."""

import sync
from hubproject.models import PlannerEntry, Project, Task
from sync.models import SyncLog
from sync.publishing import publish


def withdraw_from_everyone() -> None:
    """Record anew what the log still gives to everyone: those who hear it no longer forget it.

    Does nothing where nothing is left to withdraw, so it may run at every start.
    """
    publish()
    for model in (Project, Task, PlannerEntry):
        newest = SyncLog.objects.newest().filter(table=model._meta.db_table)
        if newest.filter(audience=sync.EVERYONE).exclude(action="delete").exists():
            with sync.context(reason="audiences"):
                sync.record(model, model.objects.values_list("pk", flat=True))
