"""Users by the texts that their primary keys are kept as."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError


def users_by_id(ids: Iterable[str]) -> dict[str, Any]:
    """Return the users who still exist, in one query; a text that can be no key is nobody's."""
    key = get_user_model()._meta.pk
    keys = set()
    for text in set(ids):
        with contextlib.suppress(ValidationError):
            keys.add(key.to_python(text))
    found = get_user_model()._base_manager.filter(pk__in=keys) if keys else ()
    return {str(user.pk): user for user in found}
