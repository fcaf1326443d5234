"""The host's pages and two that take longer than anybody waits, for a server that is to stop."""

from __future__ import annotations

import asyncio
import time

from django.http import HttpRequest, HttpResponse
from django.urls import path

import realtime
from hubproject.urls import urlpatterns as pages_of_the_host

SECONDS = 60
ENTERED = "slow.entered"


def slow(request: HttpRequest) -> HttpResponse:
    realtime.broadcast(ENTERED, "sync")
    time.sleep(SECONDS)
    return HttpResponse("late")


async def slow_async(request: HttpRequest) -> HttpResponse:
    realtime.broadcast(ENTERED, "async")
    await asyncio.sleep(SECONDS)
    return HttpResponse("late")


urlpatterns = [path("slow/sync/", slow), path("slow/async/", slow_async), *pages_of_the_host]
