"""The page that takes back a whole transaction, of somebody who says so in three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from sync.admin.restore_forms import UndoForm, seen_by, token_of
from sync.admin.restore_rights import AdminRights
from sync.admin.restore_rows import problem_links, step_row
from sync.admin.restoring import answer_done, carry_out, entry_to_restore, render, with_errors
from sync.errors import ChangedMeanwhile, RestoreError
from sync.restoring import Invalid, Plan, plan_undo

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@transaction.non_atomic_requests
def undo(request: HttpRequest, log_admin: SyncLogAdmin, pk: int) -> HttpResponse:
    """Show all that would be taken back, and do it once it is confirmed."""
    entry = entry_to_restore(request, log_admin, pk)
    rights = AdminRights(request, log_admin.admin_site)
    seen = seen_by(request, pk) if request.method == "POST" else None

    def make(locks: bool = False) -> Plan:
        return plan_undo(entry, rights=rights, locks=locks)

    page: dict[str, Any] = {"entry": entry}
    try:
        plan = make()
        if seen is not None and UndoForm(plan, request.POST).is_valid():
            done = carry_out(request, log_admin, make, str(seen[0]))
            return answer_done(request, log_admin, done)
    except Invalid as error:
        plan = with_errors(make(), error)
        page["refusal"] = str(error)
    except ChangedMeanwhile as error:
        plan = make()
        page["refusal"] = str(error)
    except RestoreError as error:
        return render(request, log_admin, "undo", page | {"refusal": str(error)})
    form = UndoForm(plan, request.POST if seen is not None else None)
    rows = [step_row(log_admin, step, index) for index, step in enumerate(plan.steps)]
    page |= {
        "plan": plan,
        "steps": rows,
        "form": form,
        "problem_links": problem_links(plan, rows, form),
        "seen": token_of(request, plan),
    }
    return render(request, log_admin, "undo", page)
