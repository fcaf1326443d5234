"""The change feed: the newest changes first, filtered by what an address says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sync.admin import live
from sync.admin.addresses import feed_url, page_url
from sync.admin.chart import chart
from sync.admin.feed_rows import feed_rows
from sync.admin.numbers import number_in
from sync.admin.permissions import may_view_log, visible_tables
from sync.admin.rendering import render as page_of
from sync.admin.search_form import SearchForm
from sync.admin.searching import Search
from sync.admin.strip import strip
from sync.admin.tools import tools
from sync.admin.walking import Page, Walk
from sync.conf import conf
from sync.models import SyncLog
from sync.publishing import publish

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

POSITION_HEADER: Final = "Hub-Position"
"""The number up to which the log has been looked at for an answer's rows."""

MORE_HEADER: Final = "Hub-More"
"""Set where there were more rows than a page holds."""

_BEFORE: Final = "before"
_AFTER: Final = "after"


@require_safe
def feed(
    request: HttpRequest, log_admin: SyncLogAdmin, extra_context: dict[str, Any] | None = None
) -> HttpResponseBase:
    """Show a page of the feed, after publishing what waits: only then is known what it changed."""
    _refuse_strangers(request)
    search = Search.parse(request.GET)
    if "" in request.GET.values() and not search.errors:  # a form sends its empty fields too
        return redirect(feed_url(log_admin, search))
    last = publish().seq
    tables = visible_tables(request, log_admin.admin_site)
    walk = Walk(search, tables, last)
    context = {
        **_page_context(request, log_admin, search, walk),
        "title": _("Changes"),
        "form": SearchForm(request.GET.dict() | search.chosen, tables=tables),
        "search": search,
        "chips": _chips(search),
        "list_url": page_url(log_admin, "changelist"),
        "size": walk.span.size,
        "chart": chart(strip(search, walk.bounded, last), search),
        "live": _live(request, log_admin, search, last),
        "tools": tools(request, log_admin, search),
        **(extra_context or {}),
    }
    return page_of(request, log_admin, "feed", **context)


@require_safe
def rows(request: HttpRequest, log_admin: SyncLogAdmin) -> HttpResponse:
    """Answer with the rows newer than a number, newest first and a page at most, for a list that
    stays open."""
    _refuse_strangers(request)
    after = number_in(request.GET.get(_AFTER, ""))
    if after is None:
        raise Http404("Say after which number of the log.")
    last = publish().seq
    search = Search.parse(request.GET)
    page = Page([], has_more=False)
    if last > after:
        tables = visible_tables(request, log_admin.admin_site)
        page = Walk(search, tables, last).since(after)
    response = _fragment(request, log_admin, search, page.entries)
    response.headers[POSITION_HEADER] = str(last)
    if page.has_more or page.unseen is not None:
        response.headers[MORE_HEADER] = "1"
    return response


@require_safe
def together(request: HttpRequest, log_admin: SyncLogAdmin, seq: int) -> HttpResponse:
    """Answer with the rows of all changes of one transaction, a page at most; `seq` is the number
    of any of them."""
    _refuse_strangers(request)
    tables = visible_tables(request, log_admin.admin_site)
    log = SyncLog.objects.using(conf().DATABASE).filter(table__in=tables)
    entry = log.filter(seq=seq).first()
    if entry is None:
        raise Http404("There is no such change to be seen.")
    search = Search(transaction=str(entry.transaction))
    page = Walk(search, tables, publish().seq).older()
    response = _fragment(request, log_admin, search, page.entries)
    if page.has_more:
        response.headers[MORE_HEADER] = "1"
    return response


def _refuse_strangers(request: HttpRequest) -> None:
    if not may_view_log(request):
        raise PermissionDenied


def _fragment(
    request: HttpRequest, log_admin: SyncLogAdmin, search: Search, entries: list[SyncLog]
) -> HttpResponse:
    found = feed_rows(request, log_admin, search, entries)
    url = page_url(log_admin, "changelist")
    return render(request, "admin/sync/feed_rows.html", {"rows": found, "list_url": url})


def _page_context(
    request: HttpRequest, log_admin: SyncLogAdmin, search: Search, walk: Walk
) -> dict[str, Any]:
    """Return the rows of the page asked for, and the ways to those around it."""
    before, after = (number_in(request.GET.get(name, "")) for name in (_BEFORE, _AFTER))
    page, is_first = _page(walk, before, after)
    is_backwards = after is not None and not is_first
    return {
        "page": page,
        "rows": feed_rows(request, log_admin, search, page.entries),
        "is_first": is_first,
        "count": walk.count(page) if is_first and _is_counted(search, walk) else None,
        "first": feed_url(log_admin, search),
        "older": _older(log_admin, search, page, is_backwards=is_backwards),
        "newer": "" if is_first else _newer(log_admin, search, page, before),
    }


def _page(walk: Walk, before: int | None, after: int | None) -> tuple[Page, bool]:
    """Return the page asked for, and whether it is the first."""
    if after is not None:
        page = walk.newer(after)
        if page.has_more or page.unseen is not None:
            return page, False
        before = None  # what is newer fits on the first page, which has room for more
    return walk.older(before), before is None


def _older(log_admin: SyncLogAdmin, search: Search, page: Page, *, is_backwards: bool) -> str:
    if page.unseen is not None and not is_backwards:
        return feed_url(log_admin, search, before=page.unseen + 1)
    if page.entries and (page.has_more or is_backwards):
        return feed_url(log_admin, search, before=page.entries[-1].seq)
    return ""


def _newer(log_admin: SyncLogAdmin, search: Search, page: Page, before: int | None) -> str:
    if page.unseen is not None and before is None:
        return feed_url(log_admin, search, after=page.unseen - 1)
    first = page.entries[0].seq if page.entries else (before or 1) - 1
    return feed_url(log_admin, search, after=first)


def _is_counted(search: Search, walk: Walk) -> bool:
    """Tell whether it is not good enough how many numbers the log has given in that time."""
    return bool(search.filters) or walk.span.size <= conf().HISTORY_COUNT_ROWS


def _chips(search: Search) -> list[tuple[str, str, str]]:
    """Return label, value, and the query string without it, of each filter in use."""
    form = SearchForm({})
    empty = Search()
    return [
        (
            str(form.fields[name].label),
            _told(form, name, value),
            search.narrowed(**{name: getattr(empty, name)}).query_string(),
        )
        for name, value in search.chosen.items()
    ]


def _told(form: SearchForm, name: str, value: str) -> str:
    choices = dict(getattr(form.fields[name], "choices", ()))
    return str(choices.get(value, value.replace("T", " ") if name in ("since", "until") else value))


def _live(
    request: HttpRequest, log_admin: SyncLogAdmin, search: Search, last: int
) -> dict[str, Any]:
    """Return what the page's script has to know, and the scripts that tell it of news."""
    found = live.mediations(request)
    query = search.query_string()
    return {
        "url": f"{page_url(log_admin, 'rows')}?{query}{'&' if query else ''}",
        "position": last,
        "milliseconds": int(conf().HISTORY_POLL_SECONDS * 1000),
        "limit": conf().HISTORY_PAGE,
        "scripts": [one.script for one in found],
        "attributes": live.data_attributes(found),
    }
