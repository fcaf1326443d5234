"""Who hears what in the proof: a user's groups alone, so that there are users who hear nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def audiences_for(user: Any) -> Iterable[str]:
    """Return the names of the user's groups."""
    return set(user.groups.values_list("name", flat=True))
