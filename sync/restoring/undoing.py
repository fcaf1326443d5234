"""Plans to take back all changes of one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from sync import repairing
from sync.conf import conf
from sync.context import BACKFILL, COMMAND
from sync.errors import RestoreError
from sync.models import REDACTED, SyncLog
from sync.registry import registry
from sync.restoring.dependents import refuse_dependents
from sync.restoring.effects import Effect, effects, entries_of_transaction
from sync.restoring.obstacles import obstacle_in_model
from sync.restoring.planning import Planner
from sync.restoring.present import Present
from sync.restoring.records import finished
from sync.restoring.rights import Rights, Unrestricted
from sync.restoring.steps import Plan, Step
from sync.restoring.targets import Target, shape_of_table


def plan_undo(entry: SyncLog, *, rights: Rights | None = None, locks: bool = False) -> Plan:
    """Plan to give every record that an entry's transaction changed its state before it, in the
    reverse order of the changes.

    All or nothing: what cannot be taken back is a problem of the whole plan. Raises `RestoreError`
    for a transaction that is larger than `HISTORY_UNDO_ROWS`, or that changed no record.
    """
    alias = entry._state.db or conf().DATABASE
    planner = Planner(Present(alias, locks=locks), rights or Unrestricted(), lambda *asked: {})
    found = effects(_undoable(entries_of_transaction(entry)))
    _load(planner, found)
    for effect in reversed(found):
        _take_back(planner, effect)
    refuse_dependents(planner)
    plan = finished(entry, planner, brings_back=False)
    return dataclasses.replace(plan, steps=tuple(_with_newest(plan.steps, alias)))


def _undoable(entries: list[SyncLog]) -> list[SyncLog]:
    """Refuse what cannot be taken back: because no record was changed by it, or only in part, which
    numbers that are missing between its own tell."""
    if _is_pruned(entries):
        raise RestoreError(_("Some of its changes are not in the log any more."))
    if any(one.cause == REDACTED for one in entries):
        raise RestoreError(_("It removed values from the history, which have gone for good."))
    if any(_is_finding(one) for one in entries):
        raise RestoreError(
            _("It recorded what was in the tables already, and changed no record itself.")
        )
    return entries


def _is_pruned(entries: list[SyncLog]) -> bool:
    if not entries:  # since its page was asked for
        return True
    first, last = entries[0].seq, entries[-1].seq
    return first is not None and last is not None and last - first >= len(entries)


def _is_finding(entry: SyncLog) -> bool:
    """Tell whether an entry says what was there: to take an insert back would delete the record."""
    is_repair = entry.source == COMMAND and entry.reason == repairing.REASON
    return entry.source == BACKFILL or is_repair


def _load(planner: Planner, found: Iterable[Effect]) -> None:
    by_table: dict[str, list[str]] = {}
    for effect in found:
        by_table.setdefault(effect.key[0], []).append(effect.key[1])
    for table, record_ids in by_table.items():
        if registry.find(table) is not None:
            shape = shape_of_table(table)
            planner.rights.look_at(shape.model, planner.present.load(shape, record_ids))


def _take_back(planner: Planner, effect: Effect) -> None:
    if not (effect.was_there or effect.is_there):
        return
    try:
        shape = shape_of_table(effect.key[0])
    except RestoreError:
        planner.problem(_("Some of the changes are of tables that are not recorded any more."))
        return
    if effect.was_there and (effect.before is None or not effect.before.data):
        planner.problem(_("What some of the records were before is not in the log any more."))
        return
    source = effect.before if effect.was_there else None
    after = effect.last.values if effect.is_there else None
    target = Target(shape, effect.key[1], source, effect.last, after, effect.names)
    planner.add(target, _names_to_take_back(target))


def _names_to_take_back(target: Target) -> list[str] | None:
    """Return the fields that have to get back what they were, for else the undo would be of a part:
    all that an update changed but those that are never restored."""
    if target.names is None:
        return None
    return [
        field.attname
        for field in target.shape.model._meta.local_concrete_fields
        if field.attname in target.names
        and obstacle_in_model(field, target.shape.registration) is None
    ]


def _with_newest(steps: Iterable[Step], using: str) -> Iterable[Step]:
    """Name with each conflict the newest change of the record."""
    steps = list(steps)
    ids = [step.newest for step in steps if step.conflicts and step.newest is not None]
    newest: Mapping[int, SyncLog] = SyncLog.objects.using(using).in_bulk(ids)
    for step in steps:
        who = newest.get(step.newest or 0)
        fields = (
            dataclasses.replace(one, changed_by=who) if one.is_conflict else one
            for one in step.fields
        )
        yield dataclasses.replace(step, fields=tuple(fields))
