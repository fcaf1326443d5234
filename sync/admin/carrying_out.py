"""Carries out what somebody has seen and agreed to, or says why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import ngettext

from sync.admin.addresses import page_url
from sync.admin.admin_log import tell_admin_log
from sync.conf import conf
from sync.context import ADMIN
from sync.errors import ChangedMeanwhile, RestoreError
from sync.log_state import newest_entries
from sync.publishing import publish
from sync.restoring import Invalid, Plan, Step, apply
from sync.restoring.applying import MakePlan

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


class Looked(NamedTuple):
    """The plan as it is now, where there can be one, and why it was not carried out."""

    plan: Plan | None
    refusal: str = ""


def looked_at(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    make: MakePlan,
    agreed: Callable[[Plan], str | None],
) -> Looked | HttpResponse:
    """Carry the plan out where somebody has agreed to it, and show the change that did it; else, or
    where it is refused, return what is planned now. `agreed` gives the fingerprint of what was
    agreed to."""
    try:
        plan = make(False)
        fingerprint = agreed(plan)
        if fingerprint is None:
            return Looked(plan)
        done = _carry_out(request, log_admin, make, fingerprint)
    except (Invalid, ChangedMeanwhile) as error:
        return _refused(make, error)
    except RestoreError as error:
        return Looked(None, str(error))
    return _answer(request, log_admin, done)


def _refused(make: MakePlan, error: Invalid | ChangedMeanwhile) -> Looked:
    try:
        plan = make(False)
    except RestoreError as another:
        return Looked(None, str(another))
    return Looked(_with_errors(plan, error) if isinstance(error, Invalid) else plan, str(error))


def _with_errors(plan: Plan, error: Invalid) -> Plan:
    """Return a plan that says what was found while it was carried out."""
    steps = (
        dataclasses.replace(step, errors={**step.errors, **error.errors})
        if step.key == error.step.key
        else step
        for step in plan.steps
    )
    return dataclasses.replace(plan, steps=tuple(steps))


def _carry_out(
    request: HttpRequest, log_admin: SyncLogAdmin, make: MakePlan, fingerprint: str
) -> Plan:
    """Apply what was seen, as the request's user."""

    def written(step: Step, instance: Any) -> None:
        tell_admin_log(request, log_admin.admin_site, step, instance)

    return apply(
        make,
        fingerprint,
        using=conf().DATABASE,
        reason=request.POST["reason"].strip(),
        actor=request.user,
        source=ADMIN,
        written=written,
    )


def _answer(request: HttpRequest, log_admin: SyncLogAdmin, done: Plan) -> HttpResponse:
    """Say that it is done, and show the change that did it."""
    publish()
    steps = [step for step in done.steps if not step.is_idle]
    text = ngettext(
        "%(count)d record is what it was again.",
        "%(count)d records are what they were again.",
        len(steps),
    )
    log_admin.message_user(request, text % {"count": len(steps)}, messages.SUCCESS)
    table, record_id = next(
        (step.key for step in steps if step.key == (done.entry.table, done.entry.record_id)),
        steps[0].key,
    )
    entry = newest_entries(table, [record_id], conf().DATABASE).get(record_id)
    if entry is None:
        return HttpResponseRedirect(page_url(log_admin, "changelist"))
    return HttpResponseRedirect(page_url(log_admin, "change", entry.pk))
