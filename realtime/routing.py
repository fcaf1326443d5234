"""Where the hub listens: for the `websocket` branch of the host's `ProtocolTypeRouter`."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from realtime.consumer import HubConsumer


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Refuse a WebSocket for a path that nobody serves.

    `URLRouter` alone raises there, so that anybody could fill the log with tracebacks.
    """
    await receive()
    await send({"type": "websocket.close"})


websocket_urlpatterns = [path("ws/", HubConsumer.as_asgi())]
"""The hub's route, for a host that has WebSocket routes of its own."""

websocket_application = URLRouter(
    [*websocket_urlpatterns, re_path(r"", refuse)]  # type: ignore[arg-type]  # an ASGI application
)
"""The whole `websocket` branch of a host that has no other."""
