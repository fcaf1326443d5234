"""The page of one entry: what it changed, who made it, and what is around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase

from sync.admin import entry_notes
from sync.admin.addresses import feed_url, page_url
from sync.admin.entry_actions import entry_actions
from sync.admin.entry_additions import FACTS
from sync.admin.entry_fields import entry_fields
from sync.admin.labels import Label, labels
from sync.admin.model_fields import referred_records
from sync.admin.neighbours import Neighbours, neighbours_in_log, neighbours_of_record
from sync.admin.passed import passed
from sync.admin.permissions import may_view_table, model_of
from sync.admin.record_links import name_of_model, object_url, user_url
from sync.admin.rendering import render
from sync.admin.searching import Search
from sync.conf import conf
from sync.cursor import Position
from sync.history import differences_of, preceding
from sync.matching import Budget
from sync.models import SyncLog
from sync.publishing import publish
from sync.record_numbers import type_record

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def entry_page(request: HttpRequest, log_admin: SyncLogAdmin, object_id: str) -> HttpResponseBase:
    """Show the entry with this primary key to who may see its table; nothing can be sent to it."""
    if request.method not in ("GET", "HEAD") or not log_admin.has_view_permission(request):
        raise PermissionDenied
    end = publish()
    entry = _find(unquote(object_id))
    if entry is None:
        return log_admin.missing(request, object_id)
    if not may_view_table(request, log_admin.admin_site, entry.table):
        raise PermissionDenied
    # What adds to the page makes addresses by it.
    request.current_app = log_admin.admin_site.name
    context = {
        **_record_context(request, log_admin, entry),
        **_additions(request, log_admin, entry),
        "entry": entry,
        "cursor": _cursor(end.epoch, entry),
    }
    return render(request, log_admin, "entry", **context)


def _find(pk: str) -> SyncLog | None:
    try:
        return SyncLog.objects.using(conf().DATABASE).filter(pk=pk).first()
    except (ValueError, ValidationError):
        return None


def _record_context(
    request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog
) -> dict[str, Any]:
    """Return what the entry did to its record, who made it, and the ways from it."""
    site = log_admin.admin_site
    model = model_of(entry.table)
    previous = None if entry.action == SyncLog.Action.INSERT else preceding(entry)
    has_previous = previous is not None
    found = differences_of([entry], {entry.pk: previous} if previous is not None else {})[entry.pk]
    own, actor = (entry.table, entry.record_id), _actor(entry)
    named = labels(site, request, [own, *actor, *referred_records(model, found)])
    record = named[own]
    return {
        **_links_context(request, log_admin, entry, model, record),
        "title": entry_notes.title(entry, record.short),
        "record": record,
        "model_name": name_of_model(entry.table),
        "fields": entry_fields(entry, found, named, Budget(), has_previous=has_previous),
        "actor_label": named[actor[0]] if actor else None,
        "actor_url": user_url(site, request, entry.actor_id),
        "notes": entry_notes.notes(entry, has_previous=has_previous),
        "delay": entry_notes.delay(entry),
    }


def _additions(request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog) -> dict[str, Any]:
    """Return what other pages and packages know of the entry."""
    clients, has_more_clients = passed(request, entry) if entry.seq is not None else ([], False)
    return {
        "facts": [fact for facts in FACTS for fact in facts(request, entry)],
        "actions": list(entry_actions(request, log_admin, entry)),
        "clients": clients,
        "has_more_clients": has_more_clients,
    }


def _links_context(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    entry: SyncLog,
    model: type[Model] | None,
    record: Label,
) -> dict[str, Any]:
    site = log_admin.admin_site
    of_record, in_log = neighbours_of_record(entry), neighbours_in_log(request, site, entry)
    return {
        "of_record": _addresses(log_admin, of_record),
        "in_log": _addresses(log_admin, in_log),
        "object_url": ""
        if record.is_deleted
        else object_url(site, request, model, entry.record_id),
        "transaction_url": ""
        if entry.seq is None
        else page_url(log_admin, "transaction", entry.seq),
        "searches": dict(_searches(log_admin, entry)),
    }


def _addresses(log_admin: SyncLogAdmin, found: Neighbours) -> dict[str, str]:
    return {
        side: page_url(log_admin, "change", pk)
        for side, pk in found._asdict().items()
        if pk is not None
    }


def _searches(log_admin: SyncLogAdmin, entry: SyncLog) -> Iterator[tuple[str, str]]:
    """Yield where the feed shows all changes of the same origin."""
    origin = {
        "actor": entry.actor_id or entry.actor,
        "request": entry.request_id,
        "client": entry.client_id,
        "audience": entry.audience,
    }
    for name, value in origin.items():
        if value:
            yield name, feed_url(log_admin, Search().narrowed(**{name: value}))


def _actor(entry: SyncLog) -> list[type_record]:
    """Return the user who made the change as a record, whose name of today may be another."""
    return [(get_user_model()._meta.db_table, entry.actor_id)] if entry.actor_id else []


def _cursor(epoch: str, entry: SyncLog) -> str:
    return "" if entry.seq is None else Position.of_entry(epoch, entry).cursor
