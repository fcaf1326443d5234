"""System checks of trigger capture: a trigger that is not what it should be is told of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from sync import captors, triggers
from sync.conf import conf
from sync.registry import registry

HINT: Final = "manage.py sync_triggers install"


@dataclasses.dataclass(frozen=True, slots=True)
class _Finding:
    """What is said of triggers that stand in one way, after the name of their model."""

    text: str
    hint: str
    id: str


_FINDINGS: Final = {
    triggers.MISSING: _Finding(
        "has no triggers, or not all: what other programs write is not recorded.",
        hint=HINT,
        id="sync.E011",
    ),
    triggers.OUTDATED: _Finding(
        "has triggers that record something else than its registration says.",
        hint=f"manage.py migrate, or {HINT}",
        id="sync.E012",
    ),
    triggers.IMPOSSIBLE: _Finding(
        "is recorded by the ORM alone, and what other programs write is not seen.",
        hint="Register it in another way, or silence this check to leave it to the ORM.",
        id="sync.E013",
    ),
}


@register("sync")
def triggers_have_their_database(**kwargs: Any) -> list[CheckMessage]:
    """Check that triggers are asked of PostgreSQL alone."""
    connection = connections[conf().DATABASE]
    if conf().CAPTURE != captors.TRIGGER or connection.vendor == "postgresql":
        return []
    return [
        Error(
            f"SYNC['CAPTURE'] is 'trigger', which needs PostgreSQL: {connection.display_name} is"
            " recorded by the ORM.",
            hint="Remove CAPTURE from SYNC.",
            id="sync.E010",
        )
    ]


@register(Tags.database, "sync")
def triggers_are_current(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that every registered table has the triggers that its registration makes now."""
    return [message for alias in databases or () for message in _of(connections[alias])]


def _of(connection: Any) -> list[CheckMessage]:
    if connection.vendor != "postgresql":
        return []
    if not captors.has_captors(connection):
        return _left_over(connection)
    if "sync_log" not in connection.introspection.table_names():
        return []
    states = triggers.states(connection, registry)
    return [m for state in states if (m := _message(state))] + _unregistered(connection)


def _message(state: triggers.State) -> CheckMessage | None:
    finding = _FINDINGS.get(state.kind)
    if finding is None:
        return None
    model = state.registration.model
    reason = f" ({state.reason})" if state.reason else ""
    text = f"{model._meta.label} {finding.text}{reason}"
    return Error(text, hint=finding.hint, obj=model, id=finding.id)


def _left_over(connection: Any) -> list[CheckMessage]:
    found = triggers.triggered_tables(connection)
    return [
        Warning(
            f"{table} has triggers, but SYNC['CAPTURE'] is not 'trigger': every change is recorded"
            " twice.",
            hint="manage.py sync_triggers remove, or set CAPTURE.",
            id="sync.W010",
        )
        for _, table in found
    ]


def _unregistered(connection: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"{table} has triggers, but is not registered: its changes are recorded all the same.",
            hint="manage.py sync_triggers remove --unregistered",
            id="sync.W011",
        )
        for _, table in triggers.unregistered(connection)
    ]
