"""The addresses of the pages of the history; apart from the pages, which link to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from sync.admin.searching import Search

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def page_url(log_admin: SyncLogAdmin, name: str, *args: Any) -> str:
    """Return the address of a page, or of the `changelist` and a `change`."""
    site = log_admin.admin_site.name
    return reverse(f"admin:sync_synclog_{name}", args=args, current_app=site)


def feed_url(log_admin: SyncLogAdmin, search: Search, **more: Any) -> str:
    """Return the address of the feed that shows what a search finds, with more arguments behind."""
    query = search.query_string(**more)
    url = page_url(log_admin, "changelist")
    return f"{url}?{query}" if query else url
