"""What a restore does to each field of a record, and what it cannot do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sync import codec
from sync.decoding import decode_value, has_doubtful_numbers
from sync.differences import ABSENT
from sync.models import SyncLog
from sync.restoring.obstacles import (
    KEPT_OUT,
    KEY,
    NOT_IN_MODEL,
    READ_ONLY,
    REDACTED,
    Obstacle,
    obstacle_in_history,
    obstacle_in_model,
    obstacle_in_storage,
)
from sync.restoring.targets import Target

DOUBTFUL_NUMBERS = _("Whole numbers beyond 9007199254740991 in it come back as text.")


@dataclasses.dataclass(frozen=True)
class FieldPlan:
    """One field: what it is, what it would become, and what is in the way."""

    name: str
    label: str
    present: Any
    """The encoded value in the table; `ABSENT` where it is not there, or must not be shown."""
    wanted: Any
    """The encoded value to be restored; `ABSENT` where the history has none."""
    value: Any = None
    """The value to be restored as the field holds it."""
    obstacle: Obstacle | None = None
    is_conflict: bool = False
    """Whether it has been changed since the change that is looked at."""
    changed_by: SyncLog | None = None
    """The entry that changed it since, where one is found."""
    note: str | Promise = ""
    is_ticked: bool = False

    @property
    def differs(self) -> bool:
        """Whether restoring it would change anything."""
        if self.present is ABSENT or self.wanted is ABSENT:
            return self.present is not self.wanted
        # As texts, for to Python `1`, `1.0` and `True` are equal.
        return codec.to_json(self.present) != codec.to_json(self.wanted)

    @property
    def is_restorable(self) -> bool:
        return self.obstacle is None and self.differs


def field_plans(
    target: Target, present: Mapping[str, Any], *, read_only: Collection[str]
) -> list[FieldPlan]:
    """Return the fields in question, in the order of the model, then those that it lost; `present`
    is empty for a record that is gone."""
    assert target.source is not None
    values, registration = target.source.values, target.shape.registration
    removed = frozenset(target.source.redacted_names)
    fields = registration.model._meta.local_concrete_fields
    plans = []
    for field in fields:
        if target.names is not None and field.attname not in target.names:
            continue
        obstacle = obstacle_in_model(field, registration)
        is_hidden = obstacle is KEPT_OUT
        wanted = ABSENT if is_hidden else values.get(field.attname, ABSENT)
        now = ABSENT if is_hidden else present.get(field.attname, ABSENT)
        if obstacle is None and field.attname in removed:
            obstacle, wanted = REDACTED, ABSENT
        if obstacle in (None, KEY):
            obstacle = obstacle_in_history(field, values, target.source.codec) or obstacle
        if obstacle is None and not {field.name, field.attname}.isdisjoint(read_only):
            obstacle = READ_ONLY
        plan = FieldPlan(field.attname, str(field.verbose_name), now, wanted, obstacle=obstacle)
        plans.append(_with_value(plan, field) if obstacle in (None, KEY) else plan)
    return plans + _lost(target, values, {field.attname for field in fields})


def marked(
    plans: list[FieldPlan],
    target: Target,
    present: Mapping[str, Any],
    who: Callable[[list[str]], Mapping[str, SyncLog]],
) -> list[FieldPlan]:
    """Mark the fields that are not any more what the change looked at had made of them, asking
    `who` changed them."""
    after = target.after or {}
    names = [
        plan.name
        for plan in plans
        if plan.is_restorable and present and _differs(present, after, plan.name)
    ]
    found = who(names) if names else {}
    return [
        dataclasses.replace(plan, is_conflict=True, changed_by=found.get(plan.name))
        if plan.name in names
        else plan
        for plan in plans
    ]


def _differs(present: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    if name not in after:
        return True
    return codec.to_json(present.get(name)) != codec.to_json(after[name])


def _with_value(plan: FieldPlan, field: Any) -> FieldPlan:
    if plan.wanted is ABSENT or not plan.differs:
        return plan
    if obstacle := obstacle_in_storage(field, plan.wanted):
        return dataclasses.replace(plan, obstacle=obstacle)
    is_document = field.get_internal_type() == "JSONField"
    note = DOUBTFUL_NUMBERS if is_document and has_doubtful_numbers(plan.wanted) else ""
    return dataclasses.replace(plan, value=decode_value(plan.wanted, field), note=note)


def _lost(target: Target, values: Mapping[str, Any], known: set[str]) -> list[FieldPlan]:
    lost = sorted(values.keys() - known)
    return [
        FieldPlan(name, name, ABSENT, values[name], obstacle=NOT_IN_MODEL)
        for name in lost
        if target.names is None or name in target.names
    ]
