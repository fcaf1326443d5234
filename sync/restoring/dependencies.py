"""Brings back what restored records point at and what is gone, as far as the log knows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync.conf import conf
from sync.log_state import newest_entries
from sync.models import SyncLog
from sync.registry import registry
from sync.restoring.chunks import chunks
from sync.restoring.planning import Planner
from sync.restoring.references import Reference, references
from sync.restoring.steps import INSERT, Step
from sync.restoring.targets import Target, before_delete
from sync.shape import Shape, shape_of


def add_dependencies(planner: Planner, *, brings_back: bool = True) -> None:
    """Add steps for the records that those planned point at and that are gone; what cannot be
    brought back, or is not to be, becomes a problem. Bounded by `HISTORY_RESTORE_DEPTH` and
    `HISTORY_UNDO_ROWS`."""
    waiting = list(planner.steps.values())
    if not brings_back:
        for reference in _missing(planner, waiting):
            planner.problem(_gone(planner, reference, _IS_GONE))
        return
    for _depth in range(conf().HISTORY_RESTORE_DEPTH):
        waiting = _bring_back(planner, _missing(planner, waiting))
        if not waiting:
            return
        if len(planner.steps) > conf().HISTORY_UNDO_ROWS:
            planner.problem(too_many())
            return
    if _missing(planner, waiting):
        planner.problem(
            _("What these records depend on goes deeper than %(limit)s steps: restore it first.")
            % {"limit": conf().HISTORY_RESTORE_DEPTH}
        )


def too_many() -> str:
    """Return the text for a plan that is larger than the limit."""
    return _(
        "These are more than %(limit)s records: restore them in parts, or have the limit raised"
        ' (SYNC["HISTORY_UNDO_ROWS"]).'
    ) % {"limit": conf().HISTORY_UNDO_ROWS}


def _missing(planner: Planner, steps: Iterable[Step]) -> list[Reference]:
    """Return the references of these steps to what is neither there nor planned."""
    by_field: dict[Any, list[Reference]] = {}
    for step in steps:
        for reference in references(step.model, step.values):
            if reference.key not in planner.steps:
                by_field.setdefault(reference.field, []).append(reference)
    found = []
    for field, named in by_field.items():
        there = _existing(field, {one.value for one in named}, planner.using)
        found += [one for one in named if one.value not in there]
    return found


def _existing(field: Any, values: set[Any], using: str) -> set[Any]:
    rows: models.QuerySet[Any] = models.QuerySet(field.remote_field.model, using=using)
    name, there = field.target_field.attname, set()
    for chunk in chunks(list(values)):
        there |= set(rows.filter(**{f"{name}__in": chunk}).values_list(name, flat=True))
    return there


def _bring_back(planner: Planner, missing: Sequence[Reference]) -> list[Step]:
    by_table: dict[str, dict[str, Reference]] = {}
    for reference in missing:
        if reference.key is None or registry.find(reference.key[0]) is None:
            planner.problem(_gone(planner, reference))
        else:
            by_table.setdefault(reference.key[0], {})[reference.key[1]] = reference
    added = []
    for table, named in by_table.items():
        registration = registry.find(table)
        assert registration is not None
        shape = shape_of(registration, registration.model)
        planner.present.load(shape, named)
        entries = _last_deletes(table, list(named), planner.using)
        for record_id, reference in named.items():
            step = _add(planner, shape, entries.get(record_id), reference)
            added += [] if step is None else [step]
    return added


def _add(
    planner: Planner, shape: Shape, entry: SyncLog | None, reference: Reference
) -> Step | None:
    if entry is None or not entry.data:
        planner.problem(_gone(planner, reference))
        return None
    step = planner.add(Target(shape, entry.record_id, before_delete(entry), entry, None))
    return step if step is not None and step.action == INSERT else None


def _last_deletes(table: str, record_ids: list[str], using: str) -> dict[str, SyncLog]:
    newest: dict[str, SyncLog] = {}
    for named in chunks(record_ids):
        newest |= newest_entries(table, named, using)
    ids = [one.pk for one in newest.values() if one.action == SyncLog.Action.DELETE]
    log = SyncLog.objects.using(using)
    found = (one for some in chunks(ids) for one in log.in_bulk(some).values())
    return {one.record_id: one for one in found}


_IS_GONE: Final = gettext_lazy("%(field)s points at %(record)s %(id)s, which is gone.")

_IS_LOST: Final = gettext_lazy(
    "%(field)s points at %(record)s %(id)s, which is gone, and the history does not hold it."
)


def _gone(planner: Planner, reference: Reference, text: Any = _IS_LOST) -> str:
    meta = reference.field.remote_field.model._meta
    if not planner.rights.may_see(reference.field.remote_field.model):
        return _("It depends on a record that is gone, of a kind that you may not see.")
    named = {"field": reference.field.verbose_name, "record": meta.verbose_name}
    return str(text) % (named | {"id": reference.value})
