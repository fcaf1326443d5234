"""Who hears what in the tests: a user's groups are audiences, beside those of the host project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

import sync


def audiences_for(user: Any) -> Iterable[str]:
    """Return the host's audiences and the names of the user's groups."""
    host = settings.HOST_AUDIENCES
    of_host = import_string(host)(user) if host else [sync.EVERYONE]
    return {*of_host, *user.groups.values_list("name", flat=True)}
