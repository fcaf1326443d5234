"""Whose rights a relay has been told may have changed, and at which of its looks at the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 10_000
"""Users of whom it is known when their rights were doubted last."""


class Noticed:
    """The looks of one relay at which users were noticed last."""

    def __init__(self) -> None:
        self._looks: dict[str, int] = {}
        self._forgotten = 0
        """The look up to which it is not known any more who was noticed: anybody may have been."""

    def note(self, users: Iterable[str], look: int) -> None:
        """Keep that users were noticed; where these are too many, that anybody may have been."""
        self._looks |= dict.fromkeys(users, look)
        if len(self._looks) > MOST:
            self._looks.clear()
            self._forgotten = look

    def when(self, user: str) -> int:
        """Return the last look at which a user was noticed, or may have been; 0 before any."""
        return max(self._looks.get(user, 0), self._forgotten)
