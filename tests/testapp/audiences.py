"""Who hears what in the tests: a user's groups are audiences, beside those of the host project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.module_loading import import_string

import sync


@sync.in_bulk
def audiences_for(users: Sequence[Any]) -> dict[Any, set[str]]:
    """Return the host's audiences and the names of each user's groups."""
    host = settings.HOST_AUDIENCES
    heard = import_string(host)(users) if host else {user.pk: {sync.EVERYONE} for user in users}
    groups = get_user_model().groups.through.objects.filter(user__in=users)
    for user_pk, name in groups.values_list("user_id", "group__name"):
        heard[user_pk].add(name)
    return heard
