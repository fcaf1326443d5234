"""Who hears what: the audiences of a user, made of the same rows that the pages are made of."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model

import sync
from hubproject.visible import visible_projects

NOBODY: Final = "user:None"
"""The audience of a planner entry without an owner, as the template of `hubproject.sync` writes it:
no user has this key."""


def audiences_for(user: Any) -> Iterator[str]:
    """Return what a user hears, which is never nothing; staff hear all there is at the moment."""
    yield sync.EVERYONE
    yield f"user:{user.pk}"
    for key in visible_projects(user).values_list("pk", flat=True):
        yield f"project:{key}"
    if user.is_staff:
        yield NOBODY
        for key in get_user_model().objects.values_list("pk", flat=True):
            yield f"user:{key}"
