"""A router of a host that reads from a replica."""

from __future__ import annotations

from typing import Any


class ReadsFromALateReplica:
    """Sends reads to the other database, to which nothing has come yet."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "other"
