"""Which rows a user may see. `hubproject.audiences` asks the same of many users at once."""

from typing import Any

from django.db.models import QuerySet

from hubproject.models import PlannerEntry, Project


def visible_projects(user: Any) -> QuerySet[Project]:
    """Return the projects that a user is a member of; staff see all."""
    if user.is_staff:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user)


def visible_entries(user: Any) -> QuerySet[PlannerEntry]:
    """Return the planner entries that a user owns; staff see all."""
    if user.is_staff:
        return PlannerEntry.objects.all()
    return PlannerEntry.objects.filter(owner=user)
