"""The start page: what is planned, as it is now and as it changes."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hubproject.visible import visible_entries, visible_projects


@require_safe
@never_cache
@login_required
def start_page(request: HttpRequest) -> HttpResponse:
    """Show the user's projects and today's entries; the page's script keeps them up to date."""
    today = timezone.localdate()
    entries = visible_entries(request.user).filter(date=today).select_related("task")
    projects = visible_projects(request.user).prefetch_related("tasks")
    page = {"projects": projects, "entries": entries, "today": today}
    return render(request, "hubproject/start.html", page)
