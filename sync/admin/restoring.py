"""The page that restores fields of a record, or a record that is gone: choose, look, do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from sync.admin.addresses import page_url
from sync.admin.carrying_out import Looked, looked_at
from sync.admin.labels import labels
from sync.admin.links import Link
from sync.admin.permissions import RESTORE, may_view_table
from sync.admin.record_links import name_of_model
from sync.admin.rendering import render
from sync.admin.restore_forms import ReasonForm, seen_by, token_of
from sync.admin.restore_rights import AdminRights, admin_of
from sync.admin.restore_rows import Rows, problem_links
from sync.conf import conf
from sync.models import MOVED, SyncLog
from sync.publishing import publish
from sync.registry import registry
from sync.restoring import AFTER, BEFORE, SIDES, Plan, Step, plan_restore

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


PAGE: Final = "restore"


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


@transaction.non_atomic_requests(using=conf().DATABASE)
def restore(request: HttpRequest, log_admin: SyncLogAdmin, pk: int) -> HttpResponse:
    """Offer the fields, show what would be written, write it: each looks at the records anew."""
    entry = entry_to_restore(request, log_admin, pk)
    rights = AdminRights(request, log_admin.admin_site)
    seen = seen_by(request, PAGE, pk) if request.POST.get("do") == "apply" else None
    choice = _chosen(request, entry) if seen is None else _Choice(*seen[1:])
    form = ReasonForm(request.POST if seen is not None else None)

    def make(locks: bool) -> Plan:
        return plan_restore(entry, **choice._asdict(), rights=rights, locks=locks)

    def agreed(plan: Plan) -> str | None:
        return str(seen[0]) if seen is not None and form.is_valid() else None

    found = looked_at(request, log_admin, make, agreed)
    if isinstance(found, HttpResponse):
        return found
    page: dict[str, Any] = {"title": _("Restore"), "side": choice.side, "sides": _sides(entry)}
    if found.plan is not None:
        page |= _plan_page(request, log_admin, found.plan, choice, form)
    return restore_page(request, log_admin, PAGE, entry, found, **page)


def restore_page(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    name: str,
    entry: SyncLog,
    found: Looked,
    **page: Any,
) -> HttpResponse:
    """Return a page about what is planned for an entry, or why it is not."""
    own = entry.table, entry.record_id
    return render(
        request,
        log_admin,
        name,
        status=409 if found.refusal and request.method == "POST" else 200,
        entry=entry,
        model_name=name_of_model(entry.table),
        record=labels(log_admin.admin_site, request, [own])[own],
        entry_url=page_url(log_admin, "change", entry.pk),
        undo_url=page_url(log_admin, "undo", entry.pk),
        plan=found.plan,
        refusal=found.refusal,
        **page,
    )


def _plan_page(
    request: HttpRequest, log_admin: SyncLogAdmin, plan: Plan, choice: _Choice, form: ReasonForm
) -> dict[str, Any]:
    ticks = [one.name for step in plan.steps for one in step.ticked if _is_root(plan, step)]
    root = next((step for step in plan.steps if _is_root(plan, step)), None)
    steps = [step for step in plan.steps if not step.is_idle]
    looked = request.method == "POST"
    rows_of = Rows(request, log_admin, plan.steps)
    rows = [rows_of.step(step, index) for index, step in enumerate(steps)] if looked else []
    return {
        "root": root,
        "fields": rows_of.fields(root) if root is not None else [],
        "steps": rows,
        "is_looked_at": looked,
        "problem_links": problem_links(plan, rows, form) if looked else [],
        "form": form,
        "seen": token_of(request, PAGE, plan, choice.side, ticks, list(choice.groups)),
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
