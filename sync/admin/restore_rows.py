"""Steps of a restore as the pages show them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.forms import BaseForm
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from sync.admin.addresses import page_url
from sync.admin.field_rows import Side
from sync.admin.labels import labels
from sync.admin.readable import REDACTED as HIDDEN
from sync.admin.readable import Readable, readable, referred
from sync.conf import conf
from sync.differences import ABSENT
from sync.models import SyncLog
from sync.record_numbers import type_record
from sync.restoring import RECORD, Plan, Step
from sync.restoring.field_plans import FieldPlan
from sync.restoring.obstacles import KEPT_OUT, KEY, REDACTED

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True)
class Row:
    """A field of a step."""

    name: str
    label: str
    now: Side
    then: Side
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


class Rows:
    """Makes the rows of some steps, for somebody who may see what their keys refer to, or not."""

    def __init__(
        self, request: HttpRequest, log_admin: SyncLogAdmin, steps: Sequence[Step]
    ) -> None:
        self._log_admin = log_admin
        pairs = dict.fromkeys(pair for step in steps for pair in _referred(step))
        self._named = labels(log_admin.admin_site, request, pairs)

    def step(self, step: Step, index: int) -> StepRow:
        """Return a step with the fields that it writes, and those that it cannot."""
        return StepRow(
            anchor=f"hub-step-{index}",
            action=step.action,
            action_text=str(SyncLog.Action(step.action).label),
            kind=capfirst(str(step.model._meta.verbose_name)),
            label=step.label,
            record_id=step.target.record_id,
            loses_changes=step.loses_changes,
            rows=self._rows(step, step.ticked),
            left_out=self._rows(step, step.left_out),
            errors=step.errors.get(RECORD, ()),
        )

    def fields(self, step: Step) -> list[Row]:
        """Return every field of a step, those first that can be chosen."""
        return sorted(self._rows(step, step.fields), key=lambda row: not row.can_be_ticked)

    def _rows(self, step: Step, plans: Iterable[FieldPlan]) -> list[Row]:
        fields = _fields(step)
        return [self._row(step, fields.get(one.name), one) for one in plans]

    def _row(self, step: Step, field: Any, plan: FieldPlan) -> Row:
        changed_by = plan.changed_by
        url = page_url(self._log_admin, "change", changed_by.pk) if changed_by is not None else ""
        now, then = self._sides(field, plan)
        return Row(
            name=plan.name,
            label=capfirst(plan.label),
            now=now,
            then=then,
            is_ticked=plan.is_ticked,
            can_be_ticked=plan.is_restorable,
            why_not=_why_not(plan),
            note=str(plan.note),
            is_conflict=plan.is_conflict,
            changed_by=changed_by,
            changed_by_url=url,
            errors=_errors(step, field, plan.name),
        )

    def _sides(self, field: Any, plan: FieldPlan) -> tuple[Side, Side]:
        is_kept_out = plan.obstacle is KEPT_OUT
        now = self._readable(field, plan.present, is_hidden=is_kept_out)
        then = self._readable(
            field, plan.wanted, is_hidden=is_kept_out or plan.obstacle is REDACTED
        )
        if plan.differs and (now.kind, now.text) == (then.kind, then.text):
            now, then = now.exactly, then.exactly
        room = conf().HISTORY_STATE_LENGTH
        return Side.of(now, room), Side.of(then, room)

    def _readable(self, field: Any, value: Any, *, is_hidden: bool) -> Readable:
        if is_hidden:
            return Readable(HIDDEN, _("not shown"))
        return readable(field, None if value is ABSENT else value, self._named)


def _fields(step: Step) -> dict[str, Any]:
    return {one.attname: one for one in step.model._meta.local_concrete_fields}


def _referred(step: Step) -> Iterator[type_record]:
    fields = _fields(step)
    for plan in step.fields:
        for value in (plan.present, plan.wanted):
            if plan.name in fields and value is not ABSENT:
                pair = referred(fields[plan.name], value)
                yield from () if pair is None else (pair,)


def _why_not(plan: FieldPlan) -> str:
    if plan.is_restorable:
        return ""
    if plan.obstacle is not None and (plan.differs or plan.obstacle is KEY):
        return str(plan.obstacle.text)
    if plan.obstacle is KEPT_OUT:
        return str(plan.obstacle.text)
    return _("It is what it was.")


def _errors(step: Step, field: Any, attname: str) -> tuple[str, ...]:
    names = {attname} if field is None else {attname, field.name}
    return tuple(text for name in sorted(names) for text in step.errors.get(name, ()))


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
