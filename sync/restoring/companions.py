"""Records that hung on a deleted one and went, or were changed, together with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from sync.decoding import decode_value
from sync.errors import DecodingError, RestoreError
from sync.models import SyncLog
from sync.registry import registry
from sync.restoring.effects import Effect, effects, entries_of_transaction
from sync.restoring.planning import Planner
from sync.restoring.references import Key, generic_references, reference_fields, references
from sync.restoring.steps import INSERT, UPDATE, Group
from sync.restoring.targets import Target, shape_of_table


@dataclasses.dataclass
class _Companions:
    """The records of one group: those of a table that point by one column at what was deleted."""

    table: str
    column: str
    went: bool
    effects: list[Effect]

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}.{'went' if self.went else 'lost'}"


def add_companions(
    planner: Planner, deleted: SyncLog, chosen: Collection[str]
) -> tuple[list[Group], str]:
    """Add steps for the chosen groups of records that went with a deleted one, or lost their
    foreign key to it; returns all groups there are, or the reason why none are offered."""
    try:
        found = effects(entries_of_transaction(deleted))
    except RestoreError as error:
        return [], str(error)
    groups = _groups(found, _roots(planner, (deleted.table, deleted.record_id)), planner.using)
    seen = [one for one in groups if _may_see(planner, one)]
    for group in seen:
        _leave_out_what_changed_sides(planner, group)
    seen = [one for one in seen if one.effects]
    for group in seen:
        if group.name in chosen:
            for effect in group.effects:
                planner.add(_target(group, effect))
    return [_shown(group, group.name in chosen) for group in seen], ""


def _roots(planner: Planner, root: Key) -> set[Key]:
    """Return the record itself and its rows in the tables of multi-table parents."""
    found, waiting = {root}, [root]
    while waiting:
        step = planner.steps.get(waiting.pop())
        for one in references(step.model, step.values) if step is not None else ():
            if one.field.remote_field.parent_link and one.key is not None:
                found.add(one.key)
    return found


def _groups(found: list[Effect], roots: set[Key], using: str) -> list[_Companions]:
    """Collect what hangs on the roots, and on what hung on them."""
    groups: dict[tuple[str, str, bool], _Companions] = {}
    reached, waiting = set(roots), set(roots)
    pointing = [(one, list(_pointers(one, using))) for one in found if one.key not in roots]
    while waiting:
        fresh: set[Key] = set()
        for effect, pointers in pointing:
            for column, key in pointers:
                if key not in waiting or not _is_lost(effect, column):
                    continue
                went = not effect.is_there
                name = effect.key[0], column, went
                group = groups.setdefault(name, _Companions(*name, []))
                if effect not in group.effects:
                    group.effects.append(effect)
                if went and effect.key not in reached:
                    fresh.add(effect.key)
        reached |= fresh
        waiting = fresh
    return list(groups.values())


def _is_lost(effect: Effect, column: str) -> bool:
    return not effect.is_there or column in (effect.names or ())


def _pointers(effect: Effect, using: str) -> Iterator[tuple[str, Key]]:
    registration = registry.find(effect.key[0])
    if registration is None or effect.before is None or not effect.was_there:
        return
    model = registration.model
    values = _decoded(model, effect.before.values)
    for reference in references(model, values):
        if reference.key is not None:
            yield reference.field.attname, reference.key
    if not effect.is_there:
        yield from generic_references(model, effect.before.values, using)


def _decoded(model: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    decoded = {}
    for field in reference_fields(model):
        try:
            decoded[field.attname] = decode_value(values.get(field.attname), field)
        except DecodingError:
            continue
    return decoded


def _target(group: _Companions, effect: Effect) -> Target:
    shape = shape_of_table(group.table)
    names = None if group.went else frozenset({group.column})
    after = None if group.went else effect.last.values
    return Target(shape, effect.key[1], effect.before, effect.last, after, names)


def _may_see(planner: Planner, group: _Companions) -> bool:
    registration = registry.find(group.table)
    return registration is not None and planner.rights.may_see(registration.model)


def _leave_out_what_changed_sides(planner: Planner, group: _Companions) -> None:
    """Leave out what is there again, and of what was cut off that which is gone by now."""
    shape = shape_of_table(group.table)
    planner.present.load(shape, [effect.key[1] for effect in group.effects])
    group.effects = [
        effect
        for effect in group.effects
        if (planner.present.held(shape, effect.key[1]).instance is None) is group.went
    ]


def _shown(group: _Companions, is_chosen: bool) -> Group:
    registration = registry.find(group.table)
    assert registration is not None
    meta = registration.model._meta
    field = next(one for one in meta.local_concrete_fields if one.attname == group.column)
    text = (
        _("%(records)s that were deleted with it (by %(field)s)")
        if group.went
        else _("%(field)s of %(records)s that were cut off from it")
    )
    label = text % {"records": meta.verbose_name_plural, "field": field.verbose_name}
    action = INSERT if group.went else UPDATE
    return Group(group.name, label, action, len(group.effects), is_chosen)
