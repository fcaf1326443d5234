"""The form that removes values from the history of a record: a look first, then for good."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sync.admin.addresses import feed_url
from sync.admin.labels import labels
from sync.admin.permissions import visible_tables
from sync.admin.record_links import name_of_model
from sync.admin.redact_form import RecordForm, RedactForm, choices_of
from sync.admin.rendering import render
from sync.admin.searching import Search
from sync.admin.tools import REDACT_LOG, may
from sync.admin.traces import trace
from sync.conf import conf
from sync.errors import RedactionError, StillHeld
from sync.log_state import newest_entries
from sync.models import SyncLog, SyncLogQuerySet
from sync.publishing import publish
from sync.redaction import redact
from sync.registry import Registration, registry
from sync.removal import Removal
from sync.rewriting import history_of

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

LOOK: Final = "look"
REDACT: Final = "redact"

LISTED: Final = 20
"""Changes with values that a look lists, at most, of the newest `LOOKED_AT` of the record."""

LOOKED_AT: Final = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, or would be: how many changes are rewritten, and some that hold values."""

    count: int
    is_done: bool
    entries: list[SyncLog] = dataclasses.field(default_factory=list)


class TooLong(RedactionError):
    """A history is too long to be redacted while a person waits."""


@transaction.non_atomic_requests(using=conf().DATABASE)
@require_http_methods(["GET", "POST"])
def redact_values(request: HttpRequest, log_admin: SyncLogAdmin) -> HttpResponse:
    """Ask for the record, then for the fields; show what would be removed, or what was."""
    if not may(request, REDACT_LOG):
        raise PermissionDenied
    tables = visible_tables(request, log_admin.admin_site)
    is_named = {"table", "record"} <= request.GET.keys()
    record_form = RecordForm(tables, request.GET if is_named else None, initial=request.GET.dict())
    if not is_named or not record_form.is_valid():
        return render(
            request, log_admin, "redact", title=_("Remove values"), record_form=record_form
        )
    registration = registry.get(tables[record_form.cleaned_data["table"]])
    return _redact_record(request, log_admin, registration, record_form.cleaned_data["record"])


def _redact_record(
    request: HttpRequest, log_admin: SyncLogAdmin, registration: Registration, record_id: str
) -> HttpResponse:
    newest = newest_entries(registration.table, [record_id], conf().DATABASE).get(record_id)
    form = RedactForm(
        choices_of(registration, newest),
        request.POST if request.method == "POST" else None,
        initial={"field": request.GET.getlist("field")},
    )
    outcome = _outcome(request, form, registration, record_id) if form.is_valid() else None
    own = registration.table, record_id
    return render(
        request,
        log_admin,
        "redact",
        title=_("Remove values"),
        form=form,
        outcome=outcome,
        looked_at=_looked_at(form) if outcome else [],
        model_name=name_of_model(registration.table),
        record=labels(log_admin.admin_site, request, [own])[own],
        record_id=record_id,
        is_known=newest is not None,
        changes_url=feed_url(log_admin, Search(table=registration.table, record=record_id)),
        look=LOOK,
        redact=REDACT,
    )


def _outcome(
    request: HttpRequest, form: RedactForm, registration: Registration, record_id: str
) -> Outcome | None:
    """Do what was asked for, or tell in the form why not."""
    record = registration.model, record_id
    names, keep = form.cleaned_data["field"], form.cleaned_data["keep"]
    try:
        removal = Removal.of(record, names, using=conf().DATABASE, keep=keep)
        _refuse_a_long_history(removal)
        if request.POST.get("do") != REDACT:
            return Outcome(removal.rehearse(), False, _some_with_values(removal))
        reason = form.cleaned_data["reason"]
        count = redact(record, names, reason=reason, using=conf().DATABASE, keep=keep)
    except RedactionError as error:
        form.add_error(None if isinstance(error, TooLong) else "field", _told(error))
        return None
    publish()
    gone = f"{', '.join(names)} from {count} changes of {registration.table} {record_id}"
    trace(request, f"Removed {gone}")
    return Outcome(count, True)


def _looked_at(form: RedactForm) -> list[tuple[str, str]]:
    """Return what a valid form says, for the page that has it confirmed."""
    given = form.cleaned_data
    names = [("field", name) for name in given["field"]]
    return [*names, ("reason", given["reason"]), *([("keep", "on")] if given["keep"] else [])]


def _refuse_a_long_history(removal: Removal) -> None:
    limit = conf().HISTORY_REDACT_ENTRIES
    if _history(removal)[: limit + 1].count() > limit:
        raise TooLong(
            _("The record has more than %(limit)s changes: use manage.py sync_redact for it.")
            % {"limit": limit}
        )


def _some_with_values(removal: Removal) -> list[SyncLog]:
    """Return the newest changes that hold a value: others would be rewritten to say that they do
    not, too."""
    newest = _history(removal).published().order_by("-seq")[:LOOKED_AT]
    return [one for one in newest if _holds(one, removal.names)][:LISTED]


def _history(removal: Removal) -> SyncLogQuerySet:
    return history_of(removal.using, removal.shape.table, removal.record_id(removal.row()))


def _holds(entry: SyncLog, names: Iterable[str]) -> bool:
    values = entry.values
    return any(values.get(name) not in (None, "") for name in names)


def _told(error: RedactionError) -> str:
    if not isinstance(error, StillHeld):
        return str(error)
    return _(
        "The table still has a value in %(fields)s, which the next save would record again: clear"
        " it there first, or say below that it may stay."
    ) % {"fields": ", ".join(error.fields)}
