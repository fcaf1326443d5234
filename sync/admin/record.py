"""The history of one record: every change of it, with what the admin's log says, newest first."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from sync.admin.addresses import page_url
from sync.admin.admin_messages import admin_messages
from sync.admin.merging import AROUND, ONE_REQUEST, Lines, Place, merged
from sync.admin.numbers import number_in
from sync.admin.permissions import visible_tables
from sync.admin.record_links import object_url
from sync.admin.subjects import Subject, find_subject
from sync.admin.timeline_rows import timeline_rows
from sync.children import Children, children
from sync.conf import conf
from sync.history import STATES
from sync.models import SyncLog
from sync.publishing import publish
from sync.record_numbers import type_record
from sync.timeline import steps

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def record(
    request: HttpRequest, log_admin: SyncLogAdmin, table: str, record_id: str
) -> HttpResponse:
    """Show the history of a record by its name in the log, also of one that is gone."""
    publish()
    subject = find_subject(request, log_admin, unquote(table), unquote(record_id))
    return record_page(request, log_admin, subject)


def record_page(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    subject: Subject,
    extra_context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Show the history of a record that somebody may see; the log was published before."""
    with_children = bool(request.GET.get("children"))
    found = _children(request, log_admin, subject) if with_children else None
    others = [] if found is None else found.records
    place = _place(request)
    lines = _lines(subject, others, place)
    rows = timeline_rows(request, log_admin, subject, lines.lines)
    own = [row.entry.seq for row in rows if row.entry is not None and row.is_own]
    context = {
        **subject_context(request, log_admin, subject),
        "title": pgettext("of a record", "Change history: %s") % subject.label.text,
        "rows": rows,
        "newest": own[0] if own else None,
        "second": own[1] if len(own) > 1 else None,
        "children": found,
        "unindexed": [] if found is None else _names(found.unindexed),
        "is_first": place == Place(),
        "older": _older(lines.next, with_children=with_children),
        **(extra_context or {}),
    }
    return TemplateResponse(request, "admin/sync/record.html", context)


def subject_context(
    request: HttpRequest, log_admin: SyncLogAdmin, subject: Subject
) -> dict[str, Any]:
    """Return what the pages about one record have in common: names, and the links between them."""
    site = log_admin.admin_site
    request.current_app = site.name
    model_admin = subject.model_admin
    opts = None if model_admin is None else model_admin.opts
    names = quote(subject.table), quote(subject.record_id)
    return {
        **site.each_context(request),
        "subtitle": None,
        "subject": subject,
        "opts": opts,
        "object": subject.instance,
        "module_name": "" if opts is None else str(capfirst(opts.verbose_name_plural)),
        "preserved_filters": "" if opts is None else model_admin.get_preserved_filters(request),
        "object_url": _object_url(request, site, subject),
        "record_url": page_url(log_admin, "record", *names),
        "compare_url": page_url(log_admin, "compare", *names),
        "as_of_url": page_url(log_admin, "as_of", *names),
    }


def _object_url(request: HttpRequest, site: AdminSite, subject: Subject) -> str:
    if subject.instance is None or subject.model_admin is None:
        return ""
    return object_url(site, request, subject.model_admin.model, str(subject.instance.pk))


def _lines(subject: Subject, others: list[type_record], place: Place) -> Lines:
    limit = conf().HISTORY_PAGE
    until = None if place.until is None else place.until + ONE_REQUEST
    return merged(
        steps(conf().DATABASE, [*subject.records, *others], limit + AROUND, place.before),
        admin_messages(subject.parts, limit + 2 * AROUND, until),
        subject.parts,
        limit,
        place,
        [] if place.before is None else _passed(subject, place.before),
    )


def _passed(subject: Subject, before: int) -> list[SyncLog]:
    """Return the entries of the record that the page before ended with."""
    log = SyncLog.objects.using(conf().DATABASE).filter(STATES, seq__gte=before).order_by("seq")
    needed = log.only("table", "record_id", "action", "actor_id", "recorded_at")
    return [
        entry
        for table, record_id in subject.records
        for entry in needed.filter(table=table, record_id=record_id)[:AROUND]
    ]


def _place(request: HttpRequest) -> Place:
    given = request.GET.get("until")
    until = None if given is None else _moment(given)
    return Place(_number(request, "before"), until, _number(request, "message"))


def _moment(given: str) -> datetime.datetime:
    """Return a moment as a page gives it, behind which there is room for a request."""
    try:
        moment = datetime.datetime.fromisoformat(given)
        if timezone.is_aware(moment):
            return (moment + ONE_REQUEST).astimezone(datetime.UTC) - ONE_REQUEST
    except (ValueError, OverflowError):
        pass
    raise _nowhere(given)


def _number(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name)
    if given is None:
        return None
    number = number_in(given)
    if number is None:
        raise _nowhere(given)
    return number


def _nowhere(given: str) -> Http404:
    return Http404(_("“%(text)s” is no place in a history.") % {"text": given})


def _older(place: Place | None, *, with_children: bool) -> str:
    """Return the query string of the next page; empty where there is none."""
    if place is None:
        return ""
    until = None if place.until is None else place.until.isoformat()
    given = {"before": place.before, "until": until, "message": place.message}
    found = {name: value for name, value in given.items() if value is not None}
    return urlencode(found | ({"children": 1} if with_children else {}))


def _children(request: HttpRequest, log_admin: SyncLogAdmin, subject: Subject) -> Children:
    owners = {one: model for one, model in subject.parts.items() if model is not None}
    return children(owners, visible_tables(request, log_admin.admin_site), conf().DATABASE)


def _names(models: list[type[Model]]) -> list[str]:
    return sorted({str(model._meta.verbose_name_plural) for model in models})
