"""A client that comes back whenever it loses its connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from websockets.exceptions import WebSocketException

from tests.support.client import HubClient

RETRY_SECONDS = 0.05


@contextlib.asynccontextmanager
async def following(*clients: HubClient) -> AsyncIterator[None]:
    """Keep the clients connected; at the end all have caught up on a new connection."""
    tasks = [asyncio.create_task(_follow(client)) for client in clients]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        if not isinstance(task, asyncio.CancelledError):
            raise task
    for client in clients:
        await client.drop()
        await client.reconnect()


async def _follow(client: HubClient) -> None:
    while True:
        if not client.is_open:
            await _come_back(client)
        await asyncio.sleep(RETRY_SECONDS)


async def _come_back(client: HubClient) -> None:
    await client.drop()
    try:
        await client.reconnect()
    except (OSError, WebSocketException):
        await client.drop()
    except AssertionError:
        # The connection was lost once more, which is no failure; anything else is one.
        if client.is_open:
            raise
