"""Pages that change a record, as views of a host do."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.testapp.models import Owner


def change(request: HttpRequest) -> HttpResponse:
    """Make a record."""
    Owner.objects.create(name="made")
    return HttpResponse()


def authenticate_and_change(request: HttpRequest) -> HttpResponse:
    """Find out who asks inside the view, as API frameworks do."""
    request.user = get_user_model().objects.get(username="late")
    return change(request)


async def change_async(request: HttpRequest) -> HttpResponse:
    """Make a record in an async view."""
    await Owner.objects.acreate(name="made")
    return HttpResponse()


async def authenticate_and_change_async(request: HttpRequest) -> HttpResponse:
    """Find out who asks inside an async view."""
    request.user = await get_user_model().objects.aget(username="late")
    return await change_async(request)


urlpatterns = [
    path("change/", change),
    path("late/", authenticate_and_change),
    path("async-change/", change_async),
    path("async-late/", authenticate_and_change_async),
    path("admin/", admin.site.urls),
]
