"""The pages of the history beside the list and the entry, which have Django's own addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from sync.admin import exporting, feed, health, pruning, redacting
from sync.admin.record import record
from sync.admin.record_points import as_of, compare
from sync.admin.restoring import restore
from sync.admin.transaction import transaction_page
from sync.admin.undoing import undo

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


class Route(NamedTuple):
    """A page: its address below the history's, the end of its URL name, and what answers."""

    address: str
    name: str
    view: Callable[..., HttpResponseBase]
    """Called as `view(request, log_admin, **arguments of the address)`."""


ROUTES: Final[tuple[Route, ...]] = (
    Route("rows/", "rows", feed.rows),
    Route("together/<int:seq>/", "together", feed.together),
    Route("transaction/<int:seq>/", "transaction", transaction_page),
    Route("record/<str:table>/<str:record_id>/", "record", record),
    Route("record/<str:table>/<str:record_id>/as-of/", "as_of", as_of),
    Route("record/<str:table>/<str:record_id>/compare/", "compare", compare),
    Route("export/", "export", exporting.export),
    Route("prune/", "prune", pruning.prune_log),
    Route("redact/", "redact", redacting.redact_values),
    Route("restore/<int:pk>/", "restore", restore),
    Route("undo/<int:pk>/", "undo", undo),
    Route("health/", "health", health.health),
)


def url_patterns(log_admin: SyncLogAdmin) -> list[URLPattern]:
    """Return the pages for one admin site, for its staff alone."""
    site = log_admin.admin_site
    return [
        path(
            one.address,
            # With the view's marks, such as that of `non_atomic_requests`.
            site.admin_view(update_wrapper(partial(_answer, one.view, log_admin), one.view)),
            name=f"sync_synclog_{one.name}",
        )
        for one in ROUTES
    ]


def _answer(
    view: Callable[..., HttpResponseBase],
    log_admin: SyncLogAdmin,
    request: Any,
    **arguments: Any,
) -> HttpResponseBase:
    return view(request, log_admin, **arguments)
