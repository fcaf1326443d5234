"""django-eventstream: server-sent events, without storage; settings and URLs as it says."""

import asyncio

import django_eventstream
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import include, path
from django_eventstream import send_event

from benchmarks.peers.event import event


async def burst(request, count):
    for number in range(count):
        send_event("tasks", "message", event(number))
        await asyncio.sleep(0)
    return HttpResponse(status=204)


urlpatterns = [
    path("events/", include(django_eventstream.urls), {"channels": ["tasks"]}),
    path("burst/<int:count>", burst),
]

application = get_asgi_application()
