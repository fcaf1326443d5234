"""The page of a transaction: all changes of one commit, in their order, record by record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from sync.admin.entry_fields import EntryFields, differences_of, entry_fields
from sync.admin.entry_notes import cause_in_short
from sync.admin.field_rows import referred_records
from sync.admin.labels import Label, labels, type_pair
from sync.admin.permissions import may_view_log, may_view_table, model_of
from sync.admin.record_links import name_of_model
from sync.change_sets import Span, span_of
from sync.conf import conf
from sync.matching import Budget
from sync.models import SyncLog
from sync.previous import previous_entries
from sync.publishing import publish

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


def transaction_page(request: HttpRequest, log_admin: SyncLogAdmin, seq: int) -> HttpResponseBase:
    """Show the transaction of the entry with this number, of the tables that may be seen.

    `?from=NUMBER` begins a page at one of its numbers. `?fragment=1` gives the changes alone, to be
    put into another page, whose style sheets have to include `fields.css`.
    """
    if request.method not in ("GET", "HEAD") or not may_view_log(request):
        raise PermissionDenied
    end = publish()
    entry = SyncLog.objects.using(conf().DATABASE).filter(seq=seq).first()
    if entry is None:
        raise Http404(_("The log has no change with the number %(number)s.") % {"number": seq})
    if not may_view_table(request, log_admin.admin_site, entry.table):
        raise PermissionDenied
    span = span_of(conf().DATABASE, seq, end.seq)
    stretch = _stretch(span, request.GET.get("from", ""))
    is_fragment = bool(request.GET.get("fragment"))
    context = _context(request, log_admin, entry, stretch)
    context |= {"span": span, "is_fragment": is_fragment}
    request.current_app = log_admin.admin_site.name
    template = "transaction_changes" if is_fragment else "transaction"
    return TemplateResponse(request, f"admin/sync/{template}.html", context)


def _stretch(span: Span, asked: str) -> Stretch:
    """Return the page that begins at a number; at the first where the number is none of these."""
    size = conf().TRANSACTION_PAGE
    number = int(asked) if asked.isdecimal() and asked.isascii() and len(asked) < 19 else 0
    first = number if span.first <= number <= span.last else span.first
    last = min(first + size - 1, span.last)
    earlier = None if first == span.first else max(first - size, span.first)
    return Stretch(first, last, earlier, None if last == span.last else last + 1)


def _context(
    request: HttpRequest, log_admin: SyncLogAdmin, entry: SyncLog, stretch: Stretch
) -> dict[str, Any]:
    site = log_admin.admin_site
    log = SyncLog.objects.using(conf().DATABASE).order_by("seq")
    every = log.filter(seq__gte=stretch.first, seq__lte=stretch.last)
    tables = list(every.values_list("table", flat=True))
    visible = {table for table in set(tables) if may_view_table(request, site, table)}
    entries = list(every.filter(table__in=visible))
    before = previous_entries(entries)
    found = {
        pk: [row for row in rows if row.is_changed]
        for pk, rows in differences_of(entries, before).items()
    }
    pairs = {(one.table, one.record_id) for one in entries}
    for one in entries:
        pairs.update(referred_records(model_of(one.table), found[one.pk]))
    named = labels(site, request, sorted(pairs))
    budget = Budget()
    fields = {
        one.pk: entry_fields(one, found[one.pk], named, budget, has_previous=one.pk in before)
        for one in entries
    }
    return {
        **site.each_context(request),
        "opts": log_admin.opts,
        "title": _("Transaction"),
        "entry": entry,
        "stretch": stretch,
        "records": _records(entries, fields, named),
        "hidden": len(tables) - len(entries),
    }


def _records(
    entries: Sequence[SyncLog],
    fields: Mapping[int, EntryFields],
    named: Mapping[type_pair, Label],
) -> list[ShownRecord]:
    """Put the changes of each record together, records in the order of their first ones."""
    by_record: dict[type_pair, list[ShownChange]] = {}
    for one in entries:
        by_record.setdefault((one.table, one.record_id), []).append(
            ShownChange(one, fields[one.pk])
        )
    return [
        ShownRecord(named[pair], name_of_model(pair[0]), changes)
        for pair, changes in by_record.items()
    ]
