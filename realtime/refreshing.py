"""Having the connections of a user follow a change of rights."""

from __future__ import annotations

from typing import Any


def refresh(user: Any) -> None:
    """Have every connection of a user, given as an instance or a key, ask for its rights anew."""
