"""What may be done with the history beside reading it: the links above the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext as _

from sync.admin.addresses import page_url
from sync.admin.links import Link
from sync.admin.permissions import may_view_log
from sync.admin.searching import Search

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin

EXPORT_LOG: Final = "sync.export_synclog"
PRUNE_LOG: Final = "sync.prune_synclog"
REDACT_LOG: Final = "sync.redact_synclog"


def may(request: HttpRequest, permission: str) -> bool:
    """Tell whether somebody may use a tool; without the right to see the history nobody may."""
    return may_view_log(request) and request.user.has_perm(permission)


def tools(request: HttpRequest, log_admin: SyncLogAdmin, search: Search) -> list[Link]:
    """Return the tools that somebody may use, made ready for what the search shows."""
    found: list[Link] = []
    if may(request, EXPORT_LOG):
        url = page_url(log_admin, "export")
        found.append(Link(_("Export as CSV"), f"{url}?{search.query_string(format='csv')}"))
        found.append(Link(_("Export as NDJSON"), f"{url}?{search.query_string(format='ndjson')}"))
    if may(request, PRUNE_LOG):
        found.append(Link(_("Remove old changes"), page_url(log_admin, "prune")))
    if may(request, REDACT_LOG):
        url = redact_url(log_admin, search.table, search.record)
        found.append(Link(_("Remove values…"), url))
    return found


def redact_url(log_admin: SyncLogAdmin, table: str = "", record_id: str = "", *fields: str) -> str:
    """Return the address of the form that removes values from the history of a record, with these
    fields chosen already."""
    given = [("table", table), ("record", record_id), *(("field", name) for name in fields)]
    query = urlencode([(name, value) for name, value in given if value])
    url = page_url(log_admin, "redact")
    return f"{url}?{query}" if query else url
