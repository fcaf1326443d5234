"""The host's application as a monitoring middleware wraps it: Daphne's `send` is hidden."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from hubproject.asgi import application as host  # noqa: E402

Asgi = Callable[[Any], Awaitable[None]]


async def application(scope: Any, receive: Any, send: Asgi) -> None:
    async def watched(message: Any) -> None:
        await send(message)

    await host(scope, receive, watched)
