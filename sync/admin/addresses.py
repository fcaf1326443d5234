"""The addresses of the pages of the history; apart from the pages, which link to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def page_url(log_admin: SyncLogAdmin, name: str, *args: Any) -> str:
    """Return the address of a page, or of the `changelist` and a `change`."""
    site = log_admin.admin_site.name
    return reverse(f"admin:sync_synclog_{name}", args=args, current_app=site)
