"""What a connection was let in with, and how that is checked again."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """A user who was let in; `renew` looks at the same credential afresh, on a database thread.

    It raises `Revoked` or `TokenExpired` where the credential lets nobody in any more.
    `audiences` are those of the user's that the credential is good for; None for all.
    """

    user: Any
    renew: Callable[[], Grant]
    expires_at: datetime.datetime | None = None
    audiences: frozenset[str] | None = None
    device_id: int | None = None
