"""Plans of restores: fields of a record as they were, a deleted record with what it depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any, Final

from sync.conf import conf
from sync.models import SyncLog
from sync.restoring.companions import add_companions
from sync.restoring.dependencies import add_dependencies, too_many
from sync.restoring.instances import restored
from sync.restoring.later_changes import changed_by
from sync.restoring.ordering import ordered
from sync.restoring.planning import Planner
from sync.restoring.present import Present
from sync.restoring.references import Key
from sync.restoring.rights import Rights, Unrestricted
from sync.restoring.steps import DELETE, INSERT, UPDATE, Group, Plan, Step
from sync.restoring.targets import BEFORE, Target, target_of
from sync.restoring.validating import errors_of

ASKED_ABOUT: Final = 50
"""Steps of a plan about each of which the database is asked while it is only looked at: what is
unique, and what a foreign key may point at. Larger plans hear of it when they are carried out."""


def plan_restore(
    entry: SyncLog,
    side: str = BEFORE,
    *,
    ticks: Collection[str] | None = None,
    groups: Collection[str] = (),
    rights: Rights | None = None,
    locks: bool = False,
) -> Plan:
    """Plan to give the record of an entry these fields back as they were before or after it.

    Without `ticks` those are chosen that suggest themselves: what the entry changed and nobody has
    changed since, and everything of a record that is gone. `groups` are named as the plan names
    them. Raises `RestoreError` where there is nothing that could be restored.
    """
    present = Present(_alias(entry), locks=locks)
    planner = Planner(present, rights or Unrestricted(), _changed_since)
    target = target_of(entry, side)
    root = planner.add(target, ticks, suggests=True)
    offered: list[Group] = []
    why_not = ""
    is_back = root is not None and root.action == INSERT
    if is_back and side == BEFORE and entry.action == SyncLog.Action.DELETE:
        offered, why_not = add_companions(planner, entry, groups)
    plan = finished(entry, planner)
    if root is not None and root.is_idle:
        idle = dataclasses.replace(root, label=_label(root.instance))
        plan = dataclasses.replace(plan, steps=(idle, *plan.steps))
    return dataclasses.replace(plan, groups=tuple(offered), groups_note=why_not)


def finished(entry: SyncLog, planner: Planner, *, brings_back: bool = True) -> Plan:
    """Return the planned steps in their order, with what they depend on, validated."""
    add_dependencies(planner, brings_back=brings_back)
    if len(planner.steps) > conf().HISTORY_UNDO_ROWS:
        planner.problem(too_many())
    steps = ordered(planner)
    return Plan(entry, tuple(validated(steps, planner.using)), tuple(planner.problems))


def validated(steps: Iterable[Step], using: str) -> Iterable[Step]:
    """Yield the steps with what validation says of each, and what each record calls itself.

    Whether a value is unique is left to the moment of writing where other steps move values of the
    same table out of its way. So are, in large plans, all questions to the database.
    """
    steps = list(steps)
    asks = len(steps) <= ASKED_ABOUT
    moving = {step.key[0] for step in steps if step.action != INSERT and len(steps) > 1}
    made: dict[Key, Any] = {}
    for step in steps:
        if step.action == DELETE or step.is_idle:
            yield dataclasses.replace(step, label=_label(step.instance))
            continue
        former = _label(step.instance) if step.action == UPDATE else ""
        instance = restored(step, using, made)
        unique = asks and step.key[0] not in moving
        errors = errors_of(step, instance, made.keys(), checks_keys=asks, checks_uniqueness=unique)
        if step.action == INSERT:
            made[step.key] = instance
        yield dataclasses.replace(step, label=former or _label(instance), errors=errors)


def _changed_since(target: Target, names: list[str]) -> dict[str, SyncLog]:
    return changed_by(target.since, names)


def _label(instance: Any) -> str:
    """Return what a record calls itself, which may need what is not there."""
    try:
        return str(instance)
    except Exception:  # the host's own code, about a record in an unusual state
        return ""


def _alias(entry: SyncLog) -> str:
    return entry._state.db or conf().DATABASE
