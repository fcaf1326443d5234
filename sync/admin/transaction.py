"""The page of a transaction: all changes of one commit, in their order, record by record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sync.admin.entry_fields import EntryFields, entry_fields
from sync.admin.entry_notes import cause_in_short
from sync.admin.labels import Label, labels
from sync.admin.model_fields import referred_records
from sync.admin.numbers import number_in
from sync.admin.permissions import may_view_log, may_view_table, model_of
from sync.admin.record_links import name_of_model
from sync.admin.rendering import render
from sync.change_sets import Span, span_of
from sync.conf import conf
from sync.history import differences_of
from sync.matching import Budget
from sync.models import SyncLog
from sync.previous import previous_entries
from sync.publishing import publish
from sync.record_numbers import type_record

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True, slots=True)
class ShownChange:
    """One entry with the fields that it changed."""

    entry: SyncLog
    fields: EntryFields

    @property
    def cause(self) -> str:
        """What the action does not say."""
        return cause_in_short(self.entry)


@dataclasses.dataclass(frozen=True, slots=True)
class ShownRecord:
    """One record, and what became of it, in order."""

    label: Label
    model_name: str
    changes: Sequence[ShownChange]


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """The numbers on one page of a transaction, and those around it; None where nothing is."""

    first: int
    last: int
    earlier: int | None
    later: int | None


@require_safe
def transaction_page(request: HttpRequest, log_admin: SyncLogAdmin, seq: int) -> HttpResponseBase:
    """Show the transaction of the entry with this number, of the tables that may be seen.

    `?from=NUMBER` begins a page at one of its numbers.
    """
    if not may_view_log(request):
        raise PermissionDenied
    end = publish()
    entry = SyncLog.objects.using(conf().DATABASE).filter(seq=seq).first()
    if entry is None:
        raise _not_there(seq)
    if not may_view_table(request, log_admin.admin_site, entry.table):
        raise PermissionDenied
    span = span_of(conf().DATABASE, seq, end.seq)
    if span is None:  # it was pruned since
        raise _not_there(seq)
    stretch = _stretch(span, request.GET.get("from", ""))
    entries, hidden = _entries(request, log_admin.admin_site, stretch)
    return render(
        request,
        log_admin,
        "transaction",
        title=_("Transaction"),
        entry=entry,
        span=span,
        stretch=stretch,
        records=_records(request, log_admin.admin_site, entries),
        hidden=hidden,
    )


def _not_there(seq: int) -> Http404:
    return Http404(_("The log has no change with the number %(number)s.") % {"number": seq})


def _stretch(span: Span, asked: str) -> Stretch:
    """Return the page that begins at a number; at the first where the number is none of these."""
    size = conf().TRANSACTION_PAGE
    number = number_in(asked) or 0
    first = number if span.first <= number <= span.last else span.first
    last = min(first + size - 1, span.last)
    earlier = None if first == span.first else max(first - size, span.first)
    return Stretch(first, last, earlier, None if last == span.last else last + 1)


def _entries(request: HttpRequest, site: AdminSite, stretch: Stretch) -> tuple[list[SyncLog], int]:
    """Return the entries of a page that may be seen, in their order, and how many may not."""
    log = SyncLog.objects.using(conf().DATABASE).order_by("seq")
    every = log.filter(seq__gte=stretch.first, seq__lte=stretch.last)
    tables = list(every.values_list("table", flat=True))
    visible = {table for table in set(tables) if may_view_table(request, site, table)}
    entries = list(every.filter(table__in=visible))
    return entries, len(tables) - len(entries)


def _records(
    request: HttpRequest, site: AdminSite, entries: Sequence[SyncLog]
) -> list[ShownRecord]:
    """Put the changes of each record together, records in the order of their first ones."""
    before = previous_entries(entries)
    found = {
        pk: [row for row in rows if row.is_changed]
        for pk, rows in differences_of(entries, before).items()
    }
    by_record: dict[type_record, list[SyncLog]] = {}
    for one in entries:
        by_record.setdefault((one.table, one.record_id), []).append(one)
    referred = (referred_records(model_of(one.table), found[one.pk]) for one in entries)
    named = labels(site, request, [*by_record, *chain.from_iterable(referred)])
    budget = Budget()

    def shown(one: SyncLog) -> ShownChange:
        has_previous = one.pk in before
        fields = entry_fields(one, found[one.pk], named, budget, has_previous=has_previous)
        return ShownChange(one, fields)

    return [
        ShownRecord(named[pair], name_of_model(pair[0]), [shown(one) for one in changes])
        for pair, changes in by_record.items()
    ]
