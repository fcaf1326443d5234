"""Pages that change a record, as views of a host do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
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


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Make two records while the response is being sent."""

    def parts() -> Iterator[str]:
        for name in "ab":
            yield Owner.objects.create(name=name).name

    return StreamingHttpResponse(parts())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    """Make two records while an async response is being sent."""

    async def parts() -> AsyncIterator[str]:
        for name in "ab":
            owner = await Owner.objects.acreate(name=name)
            yield owner.name

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("stream/", stream),
    path("async-stream/", stream_async),
    path("change/", change),
    path("late/", authenticate_and_change),
    path("async-change/", change_async),
    path("async-late/", authenticate_and_change_async),
    path("admin/", admin.site.urls),
]
