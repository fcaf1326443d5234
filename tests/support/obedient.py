"""A client that comes back when it is told to, as the protocol asks of every client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from websockets.exceptions import WebSocketException

from tests.support.client import HubClient

LOOK_SECONDS = 0.02
UNTOLD_SECONDS = 0.05


@contextlib.asynccontextmanager
async def obeying(*clients: HubClient) -> AsyncIterator[None]:
    """Have the clients come back after each goodbye; after the block all are live."""
    ending = asyncio.Event()
    tasks = [asyncio.create_task(_obey(client, ending)) for client in clients]
    try:
        yield
    finally:
        ending.set()
        await asyncio.gather(*tasks)


async def _obey(client: HubClient, ending: asyncio.Event) -> None:
    while not (ending.is_set() and client.is_open):
        if client.is_open:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        last = client.received[-1]
        await client.drop()
        told = last.get("retryAfterMs", 0) / 1000 if last["type"] == "goodbye" else UNTOLD_SECONDS
        await asyncio.sleep(told)
        try:
            await client.reconnect()
        except (OSError, WebSocketException):
            await client.drop()
        except AssertionError:
            # The connection was lost once more, which is no failure; anything else is one.
            if client.is_open:
                raise
