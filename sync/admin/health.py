"""The page that says how the hub is doing."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from sync.admin.health_of_log import log_sections
from sync.admin.health_sections import SECTIONS
from sync.admin.permissions import may_view_log
from sync.admin.rendering import render

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


def health(request: HttpRequest, log_admin: SyncLogAdmin) -> HttpResponse:
    """Show what is known of the log, and what other apps know. Nothing is published for it, so
    that what waits shows."""
    if not may_view_log(request):
        raise PermissionDenied
    site = log_admin.admin_site
    providers = (log_sections, *SECTIONS)
    sections = list(chain.from_iterable(provider(request, site) for provider in providers))
    bad = [fact for section in sections for fact in section.facts if fact.is_bad]
    title = _("Health of the hub")
    return render(request, log_admin, "health", title=title, sections=sections, bad=bad)
