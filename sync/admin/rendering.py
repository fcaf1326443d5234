"""Renders a page of the history as a page of the admin site that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def render(
    request: HttpRequest,
    log_admin: SyncLogAdmin,
    name: str,
    *,
    title: str,
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """Return the page of a template of the history, by its name."""
    site = log_admin.admin_site
    request.current_app = site.name  # read by `{% url %}`
    context = {
        **site.each_context(request),
        "opts": log_admin.opts,
        "title": title,
        **context,
    }
    return TemplateResponse(request, f"admin/sync/{name}.html", context, status=status)
