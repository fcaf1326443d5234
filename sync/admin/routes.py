"""The pages of the history beside the list and the entry, which have Django's own addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from sync.admin import feed, health
from sync.admin.addresses import page_url as page_url

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
    Route("health/", "health", health.health),
)


def url_patterns(log_admin: SyncLogAdmin) -> list[URLPattern]:
    """Return the pages for one admin site, for its staff alone."""
    site = log_admin.admin_site
    return [
        path(
            one.address,
            site.admin_view(partial(_answer, one.view, log_admin)),
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
