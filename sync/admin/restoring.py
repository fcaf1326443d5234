"""The page that restores fields of a record, or a record that is gone: choose, look, do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync.admin.addresses import page_url
from sync.admin.admin_log import tell_admin_log
from sync.admin.links import Link
from sync.admin.permissions import RESTORE, may_view_table
from sync.admin.restore_forms import ReasonForm, seen_by, token_of
from sync.admin.restore_rights import AdminRights, admin_of
from sync.admin.restore_rows import field_rows, problem_links, step_row
from sync.conf import conf
from sync.context import ADMIN
from sync.errors import ChangedMeanwhile, RestoreError
from sync.log_state import newest_entries
from sync.models import MOVED, SyncLog
from sync.publishing import publish
from sync.registry import registry
from sync.restoring import AFTER, BEFORE, SIDES, Invalid, Plan, Step, apply, plan_restore

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


class _Choice(NamedTuple):
    """What is to be restored; None for the fields that suggest themselves."""

    side: str
    ticks: Sequence[str] | None
    groups: Sequence[str]


def may_restore(request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog) -> bool:
    """Tell whether somebody may restore records from an entry; of a single record the page itself
    finds out. Asks the database nothing."""
    registration = registry.find(entry.table)
    site = log_admin.admin_site
    if registration is None or entry.cause == MOVED or not request.user.has_perm(RESTORE):
        return False
    if not may_view_table(request, site, entry.table):
        return False
    model_admin = admin_of(site, registration.model)
    may_change = model_admin.has_change_permission(request)
    return bool(may_change or model_admin.has_add_permission(request))


def links(request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog) -> Iterator[Link]:
    """Yield the links that an entry's page shows to who may restore."""
    if may_restore(request, log_admin, entry):
        yield Link(_("Restore…"), page_url(log_admin, "restore", entry.pk))
        yield Link(_("Undo the whole transaction…"), page_url(log_admin, "undo", entry.pk))


def entry_to_restore(request: HttpRequest, log_admin: SyncLogAdmin, pk: int) -> SyncLog:
    """Return an entry that somebody may restore from, published if that is possible."""
    publish()
    entry = SyncLog.objects.using(conf().DATABASE).filter(pk=pk).first()
    if entry is None:
        raise Http404(_("This change is not in the log, or not any more."))
    if not may_restore(request, log_admin, entry):
        raise PermissionDenied
    return entry


@transaction.non_atomic_requests
def restore(request: HttpRequest, log_admin: SyncLogAdmin, pk: int) -> HttpResponse:
    """Offer the fields, show what would be written, write it: each looks at the records anew."""
    entry = entry_to_restore(request, log_admin, pk)
    rights = AdminRights(request, log_admin.admin_site)
    seen = seen_by(request, pk) if request.POST.get("do") == "apply" else None
    choice = _chosen(request, entry) if seen is None else _Choice(*seen[1:])

    def make(locks: bool = False) -> Plan:
        return plan_restore(entry, **choice._asdict(), rights=rights, locks=locks)

    page: dict[str, Any] = {"entry": entry, "side": choice.side, "sides": _sides(entry)}
    try:
        plan = make()
        if seen is not None and ReasonForm(request.POST).is_valid():
            done = carry_out(request, log_admin, make, str(seen[0]))
            return answer_done(request, log_admin, done)
    except Invalid as error:
        plan = with_errors(make(), error)
        page["refusal"] = str(error)
    except ChangedMeanwhile as error:
        plan = make()
        page["refusal"] = str(error)
    except RestoreError as error:
        return render(request, log_admin, "restore", page | {"refusal": str(error)})
    form = ReasonForm(request.POST if seen is not None else None)
    page |= _plan_page(request, log_admin, plan, choice, form)
    return render(request, log_admin, "restore", page)


def carry_out(request: HttpRequest, log_admin: SyncLogAdmin, make: Any, fingerprint: str) -> Plan:
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


def answer_done(request: HttpRequest, log_admin: SyncLogAdmin, done: Plan) -> HttpResponse:
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


def with_errors(plan: Plan, error: Invalid) -> Plan:
    """Return a plan that says what was found while it was carried out."""
    steps = (
        dataclasses.replace(step, errors={**step.errors, **error.errors})
        if step.key == error.step.key
        else step
        for step in plan.steps
    )
    return dataclasses.replace(plan, steps=tuple(steps))


def render(
    request: HttpRequest, log_admin: SyncLogAdmin, name: str, page: dict[str, Any]
) -> HttpResponse:
    """Return a page of the history with what every page of the admin has."""
    entry = page["entry"]
    titles = {"restore": _("Restore"), "undo": _("Undo a transaction")}
    context = log_admin.admin_site.each_context(request) | {
        "title": titles[name],
        "opts": SyncLog._meta,
        "entry_url": page_url(log_admin, "change", entry.pk),
        "restore_url": page_url(log_admin, "restore", entry.pk),
        "undo_url": page_url(log_admin, "undo", entry.pk),
    }
    status = 409 if page.get("refusal") and request.method == "POST" else 200
    template = f"admin/sync/{name}.html"
    return TemplateResponse(request, template, context | page, status=status)


def _plan_page(
    request: HttpRequest, log_admin: SyncLogAdmin, plan: Plan, choice: _Choice, form: ReasonForm
) -> dict[str, Any]:
    ticks = [one.name for step in plan.steps for one in step.ticked if _is_root(plan, step)]
    root = next((step for step in plan.steps if _is_root(plan, step)), None)
    steps = [step for step in plan.steps if not step.is_idle]
    looked = request.method == "POST"
    rows = [step_row(log_admin, step, index) for index, step in enumerate(steps)]
    return {
        "plan": plan,
        "root": step_row(log_admin, root, 0) if root is not None else None,
        "fields": field_rows(log_admin, root) if root is not None else [],
        "steps": rows if looked else [],
        "is_looked_at": looked,
        "problem_links": problem_links(plan, rows, form) if looked else [],
        "form": form,
        "seen": token_of(request, plan, choice.side, ticks, list(choice.groups)),
    }


def _is_root(plan: Plan, step: Step) -> bool:
    return step.key == (plan.entry.table, plan.entry.record_id)


def _chosen(request: HttpRequest, entry: SyncLog) -> _Choice:
    given = request.POST if request.method == "POST" else request.GET
    side = given.get("side", "")
    if side not in SIDES:
        side = AFTER if entry.action == SyncLog.Action.INSERT else BEFORE
    if request.method != "POST":
        return _Choice(side, None, ())
    return _Choice(side, given.getlist("field"), given.getlist("group"))


def _sides(entry: SyncLog) -> list[tuple[str, str]]:
    """Return the sides of an entry that hold a state of the record."""
    sides = []
    if entry.action != SyncLog.Action.INSERT:
        sides.append((BEFORE, _("before this change")))
    if entry.action != SyncLog.Action.DELETE:
        sides.append((AFTER, _("after this change")))
    return sides
