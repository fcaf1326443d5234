"""The ASGI side of `GET /burst/N`, for servers that take an application for what is not theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.peers.event import event

Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def burst_application(send_event: Callable[[dict[str, Any]], Awaitable[Any]]) -> Application:
    """Return an ASGI application that sends as many events as the path says, then answers."""

    async def application(scope: dict[str, Any], receive: Any, send: Send) -> None:
        for number in range(int(scope["path"].rpartition("/")[2] or 0)):
            await send_event(event(number))
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return application
