"""Makes steps of targets: what has to be done to records so that they get these states."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from sync import codec
from sync.models import SyncLog
from sync.restoring.field_plans import FieldPlan, field_plans, marked
from sync.restoring.present import Held, Present
from sync.restoring.references import Key
from sync.restoring.rights import Rights
from sync.restoring.steps import DELETE, INSERT, UPDATE, Step
from sync.restoring.targets import Target

Who = Callable[[Target, list[str]], Mapping[str, SyncLog]]
"""Tells which entry changed each of these fields since."""


class Planner:
    """Collects steps, and what is in the way of them, for one person."""

    def __init__(self, present: Present, rights: Rights, who: Who) -> None:
        self.present = present
        self.rights = rights
        self.problems: dict[str, None] = {}
        """Texts, each once, in the order they came up."""
        self.steps: dict[Key, Step] = {}
        self._who = who

    @property
    def using(self) -> str:
        return self.present.using

    def add(
        self, target: Target, ticks: Collection[str] | None = None, *, suggests: bool = False
    ) -> Step | None:
        """Plan what brings a record to its state, with these fields ticked, all without `ticks`,
        or those that suggest themselves; returns None where there is nothing to do or nothing that
        may be done."""
        held = self.present.held(target.shape, target.record_id)
        action = _action(target, held)
        if action is None or not self._is_possible(target, action, held):
            return None
        fields = self._fields(target, held) if target.source is not None else []
        if ticks is None and suggests and action == UPDATE:
            ticks = _suggested(fields, target)
        fields = [_ticked(one, ticks) for one in fields]
        step = Step(target, action, tuple(fields), *held)
        self._refuse_unticked(step, ticks or ())
        if not step.is_idle:
            self.steps[step.key] = step
        return step

    def problem(self, text: str) -> None:
        """Note why the whole cannot be done."""
        self.problems[text] = None

    def _is_possible(self, target: Target, action: str, held: Held) -> bool:
        model = target.shape.model
        if not self.rights.may(action, model, held.instance):
            self.problem(self._refusal(action, model))
            return False
        if action == INSERT and target.names is not None:
            self.problem(
                _("%(record)s has been deleted since: restore it first.")
                % {"record": _name(target)}
            )
            return False
        return True

    def _refusal(self, action: str, model: Any) -> str:
        if not self.rights.may_see(model):
            return _("Some of the records are of a kind that you may not see.")
        texts = {
            INSERT: _("You may not add %(records)s."),
            UPDATE: _("You may not change %(records)s, or some of them."),
            DELETE: _("You may not delete %(records)s, or some of them."),
        }
        return texts[action] % {"records": model._meta.verbose_name_plural}

    def _fields(self, target: Target, held: Held) -> list[FieldPlan]:
        present = codec.from_json(held.data) if held.data else {}
        read_only = self.rights.read_only(target.shape.model, held.instance)
        plans = field_plans(target, present, read_only=read_only)
        return marked(plans, target, present, lambda names: self._who(target, names))

    def _refuse_unticked(self, step: Step, ticks: Iterable[str]) -> None:
        """Say so where a field was asked for that is not restored: it must not seem to be."""
        refused = {one.name: one for one in step.fields if not one.is_ticked}
        for name in ticks:
            plan = refused.get(name)
            if plan is not None and plan.differs:
                self.problem(
                    _("%(field)s cannot be restored. %(reason)s")
                    % {"field": plan.label, "reason": plan.obstacle.text if plan.obstacle else ""}
                )


def _action(target: Target, held: Held) -> str | None:
    if target.source is None:
        return None if held.instance is None else DELETE
    return INSERT if held.instance is None else UPDATE


def _suggested(fields: Iterable[FieldPlan], target: Target) -> list[str]:
    """Return what the change looked at has changed, and nobody after it."""
    changed = set(target.since.changed_names or ())
    free = (one.name for one in fields if one.is_restorable and not one.is_conflict)
    return [name for name in free if name in changed]


def _ticked(field: FieldPlan, ticks: Collection[str] | None) -> FieldPlan:
    is_chosen = ticks is None or field.name in ticks
    return dataclasses.replace(field, is_ticked=field.is_restorable and is_chosen)


def _name(target: Target) -> str:
    return f"{target.shape.model._meta.verbose_name} {target.record_id}"
