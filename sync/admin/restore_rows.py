"""Steps of a restore as the pages show them."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from django.db.models import Model
from django.forms import BaseForm
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync import codec
from sync.admin.addresses import page_url
from sync.differences import ABSENT
from sync.models import SyncLog
from sync.restoring import RECORD, Plan, Step
from sync.restoring.field_plans import FieldPlan
from sync.restoring.obstacles import KEPT_OUT, KEY, REDACTED

SHOWN: Final = 2000
"""Characters of a value that are shown."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """A value; `kind` is "none", "blank", "hidden" or "text"."""

    kind: str
    text: str = ""
    more: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A field of a step."""

    name: str
    label: str
    now: Shown
    then: Shown
    is_ticked: bool
    can_be_ticked: bool
    why_not: str
    note: str
    is_conflict: bool
    changed_by: SyncLog | None
    changed_by_url: str
    errors: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class StepRow:
    """A record and what is done to it."""

    anchor: str
    action: str
    action_text: str
    kind: str
    label: str
    record_id: str
    loses_changes: bool
    rows: list[Row]
    left_out: list[Row]
    errors: tuple[str, ...]


def step_row(log_admin: Any, step: Step, index: int) -> StepRow:
    """Return a step with the fields that it writes, and those that it cannot."""
    return StepRow(
        anchor=f"hub-step-{index}",
        action=step.action,
        action_text=str(SyncLog.Action(step.action).label),
        kind=capfirst(str(step.model._meta.verbose_name)),
        label=step.label,
        record_id=step.target.record_id,
        loses_changes=step.loses_changes,
        rows=[_row(log_admin, step, one) for one in step.ticked],
        left_out=[_row(log_admin, step, one) for one in step.left_out],
        errors=step.errors.get(RECORD, ()),
    )


def field_rows(log_admin: Any, step: Step) -> list[Row]:
    """Return every field of a step, those first that can be chosen."""
    rows = [_row(log_admin, step, one) for one in step.fields]
    return sorted(rows, key=lambda row: not row.can_be_ticked)


def _row(log_admin: Any, step: Step, plan: FieldPlan) -> Row:
    changed_by = plan.changed_by
    url = page_url(log_admin, "change", changed_by.pk) if changed_by is not None else ""
    return Row(
        name=plan.name,
        label=capfirst(plan.label),
        now=shown(plan.present, is_hidden=plan.obstacle is KEPT_OUT),
        then=shown(plan.wanted, is_hidden=plan.obstacle in (KEPT_OUT, REDACTED)),
        is_ticked=plan.is_ticked,
        can_be_ticked=plan.is_restorable,
        why_not=_why_not(plan),
        note=str(plan.note),
        is_conflict=plan.is_conflict,
        changed_by=changed_by,
        changed_by_url=url,
        errors=_errors(step, plan.name),
    )


def shown(value: Any, *, is_hidden: bool = False) -> Shown:
    """Return a value of the log as text, cut where it is very long, which is said."""
    if is_hidden:
        return Shown("hidden")
    if value is None or value is ABSENT:
        return Shown("none")
    text = value if isinstance(value, str) else codec.to_json(value)
    if not text:
        return Shown("blank")
    left = len(text) - SHOWN
    more = ngettext("%(left)d more character", "%(left)d more characters", left) % {"left": left}
    return Shown("text", text[:SHOWN], more if left > 0 else "")


def _why_not(plan: FieldPlan) -> str:
    if plan.is_restorable:
        return ""
    if plan.obstacle is not None and (plan.differs or plan.obstacle is KEY):
        return str(plan.obstacle.text)
    if plan.obstacle is KEPT_OUT:
        return str(plan.obstacle.text)
    return _("It is what it was.")


def _errors(step: Step, attname: str) -> tuple[str, ...]:
    field = next((f for f in _fields(step.model) if f.attname == attname), None)
    names = {attname} if field is None else {attname, field.name}
    return tuple(text for name in sorted(names) for text in step.errors.get(name, ()))


def _fields(model: type[Model]) -> Any:
    return model._meta.concrete_fields


def problem_links(plan: Plan, rows: list[StepRow], form: BaseForm) -> list[tuple[str, str]]:
    """Return what keeps it from being done, each with the part of the page that it is about."""
    found = [(text, "") for text in plan.problems]
    for step in rows:
        named = f"{step.kind} {step.label or step.record_id}"
        found += [(f"{named}: {text}", step.anchor) for text in step.errors]
        for row in step.rows:
            found += [(f"{named}: {row.label}: {text}", step.anchor) for text in row.errors]
    for name, texts in form.errors.items():
        field = form[name]
        found += [(f"{field.label}: {text}", field.id_for_label) for text in texts]
    return found
