"""The name under which clients hear a change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sync.registry import Registration, registry

_VERBS: Final = {"insert": "created", "update": "updated", "delete": "deleted"}


def event_name(table: str, action: str, changed: Collection[str] | None) -> str:
    """Return the first registered event that the change stands for, else `<model>.<verb>`.

    An event for certain fields stands for updates that changed one of them; one for
    `ANY_CHANGE` stands for every change.
    """
    registration = registry.find(table)
    if registration is None:
        return f"{table}.{_VERBS[action]}"
    return _registered_event(registration, action, changed) or (
        f"{registration.label}.{_VERBS[action]}"
    )


def _registered_event(
    registration: Registration, action: str, changed: Collection[str] | None
) -> str | None:
    for event, fields in registration.events.items():
        if fields is None:
            return event
        if action == "update" and changed and not fields.isdisjoint(changed):
            return event
    return None
