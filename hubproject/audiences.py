"""Who hears what: the audiences of users, made of the same rows that the pages are made of."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth import get_user_model

import sync
from hubproject.models import Membership, Project

NOBODY: Final = "user:None"
"""The audience of a planner entry without an owner, as the template of `hubproject.sync` writes it:
no user has this key."""


def audiences_for(user: Any) -> set[str]:
    """Return what a user hears, which is never nothing."""
    return audiences_for_all([user])[user.pk]


@sync.in_bulk
def audiences_for_all(users: Sequence[Any]) -> dict[Any, set[str]]:
    """Return what each user hears; staff hear all there is at the moment."""
    heard = {user.pk: {sync.EVERYONE, f"user:{user.pk}"} for user in users}
    memberships = Membership.objects.filter(user__in=users)
    for user_pk, project_pk in memberships.values_list("user_id", "project_id"):
        heard[user_pk].add(f"project:{project_pk}")
    staff = [user.pk for user in users if user.is_staff]
    if staff:
        everything = _everything()
        for pk in staff:
            heard[pk] |= everything
    return heard


def _everything() -> set[str]:
    projects = Project.objects.values_list("pk", flat=True)
    users = get_user_model().objects.values_list("pk", flat=True)
    return {NOBODY, *(f"project:{pk}" for pk in projects), *(f"user:{pk}" for pk in users)}
