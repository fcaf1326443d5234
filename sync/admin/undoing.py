"""The page that takes back a whole transaction, of somebody who says so in three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from sync.admin.carrying_out import looked_at
from sync.admin.restore_forms import UndoForm, seen_by, token_of
from sync.admin.restore_rights import AdminRights
from sync.admin.restore_rows import Rows, problem_links
from sync.admin.restoring import entry_to_restore, restore_page
from sync.conf import conf
from sync.restoring import Plan, plan_undo

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

PAGE: Final = "undo"


@transaction.non_atomic_requests(using=conf().DATABASE)
def undo(request: HttpRequest, log_admin: SyncLogAdmin, pk: int) -> HttpResponse:
    """Show all that would be taken back, and do it once it is confirmed."""
    entry = entry_to_restore(request, log_admin, pk)
    rights = AdminRights(request, log_admin.admin_site)
    seen = seen_by(request, PAGE, pk) if request.method == "POST" else None
    given = request.POST if seen is not None else None

    def make(locks: bool) -> Plan:
        return plan_undo(entry, rights=rights, locks=locks)

    def agreed(plan: Plan) -> str | None:
        return str(seen[0]) if seen is not None and UndoForm(plan, given).is_valid() else None

    found = looked_at(request, log_admin, make, agreed)
    if isinstance(found, HttpResponse):
        return found
    page: dict[str, Any] = {"title": _("Undo a transaction")}
    if found.plan is not None:
        page |= _plan_page(request, log_admin, found.plan, UndoForm(found.plan, given))
    return restore_page(request, log_admin, PAGE, entry, found, **page)


def _plan_page(
    request: HttpRequest, log_admin: SyncLogAdmin, plan: Plan, form: UndoForm
) -> dict[str, Any]:
    rows_of = Rows(request, log_admin, plan.steps)
    rows = [rows_of.step(step, index) for index, step in enumerate(plan.steps)]
    return {
        "steps": rows,
        "form": form,
        "problem_links": problem_links(plan, rows, form),
        "seen": token_of(request, PAGE, plan),
    }
