"""SIGTERM and SIGINT of a server: every client is told, and may come back to miss nothing.

On Daphne the hub sees the stop: clients hear why and when to come back, and requests do not keep
the process. On uvicorn it does not: clients are closed with 1012, and the process ends by the
signal.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from realtime import connections
from tests.support.channel import Eavesdropper
from tests.support.hub import server
from tests.support.loopback import HOST
from tests.support.off_loop import eventually, off_loop
from tests.support.slow_urls import ENTERED
from tests.support.varied import varied

SIGNALS = [signal.SIGTERM, signal.SIGINT]
SECONDS_TO_END = 20  # far from the 60 that the slow requests take, and patient with a busy machine
HANDSHAKES = 5

signals = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


def send(hub, number):
    """Signal the process; returns when."""
    hub.send_signal(number)
    return time.monotonic()


class Leaving(NamedTuple):
    """How a server stops."""

    close_code: int
    says_goodbye: bool
    exit_code: Callable[[int], int]


LEAVES = {
    "daphne": Leaving(1001, True, lambda number: 0),
    "uvicorn": Leaving(1012, False, lambda number: 0 if number == signal.SIGINT else -number),
}[server()]


async def is_sent_away(client):
    """Assert that the client is closed as the server does it; on Daphne it is told when to come
    back."""
    code, reason = await client.wait_closed()
    assert code == LEAVES.close_code
    goodbyes = [message for message in client.received if message["type"] == "goodbye"]
    if not LEAVES.says_goodbye:
        assert goodbyes == []
        return
    goodbye = client.received[-1]
    assert goodbyes == [goodbye]
    assert (goodbye["code"], goodbye["reconnect"]) == (1001, True)
    assert goodbye["retryAfterMs"] >= 0
    assert reason == goodbye["reason"]


async def ends_well(hub, signalled, number=signal.SIGTERM):
    """Assert that the process ends by itself, without an error and soon after the signal."""
    assert (await off_loop(hub.wait)).code == LEAVES.exit_code(number)
    assert time.monotonic() - signalled < SECONDS_TO_END
    assert hub.complaint() == ""


@asynccontextmanager
async def request(hub, text):
    """Send a request, or a part of one, and leave it without an answer."""
    reader, writer = await asyncio.open_connection(HOST, hub.port)
    writer.write(text.encode())
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


@signals
async def test_every_client_hears_goodbye_and_is_closed_with_1001(hub, connect, token, number):
    live = [await (await connect(hub, token=token)).join() for _ in range(5)]
    waiting = await connect(hub)
    signalled = send(hub, number)
    for client in (*live, waiting):
        await is_sent_away(client)
    await ends_well(hub, signalled, number)
    if LEAVES.says_goodbye:
        waits = {client.received[-1]["retryAfterMs"] for client in live}
        assert len(waits) > 1, "all return at once"
    assert await off_loop(connections) == [], "they are still said to be there"


@signals
async def test_a_client_whose_handshake_has_just_happened_hears_goodbye_too(
    hub, connect, token, number
):
    for _ in range(HANDSHAKES):
        client = await connect(hub)
        signalled = send(hub, number)
        await is_sent_away(client)
        await ends_well(hub, signalled, number)
        hub.start()


@signals
async def test_a_handshake_and_a_half_sent_request_do_not_spoil_the_goodbye(
    hub, connect, token, number
):
    live = await (await connect(hub, token=token)).join()
    async with request(hub, "GET /login/ HTTP/1.1\r\nHost:"):
        fresh = await connect(hub)
        signalled = send(hub, number)
        await is_sent_away(live)
        await is_sent_away(fresh)
        await ends_well(hub, signalled, number)


@signals
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_requests_in_flight_do_not_keep_the_server(
    daphne_only, start_hub, connect, token, kind, number
):
    hub = start_hub(**varied(ROOT_URLCONF="tests.support.slow_urls"))
    client = await (await connect(hub, token=token)).join()
    async with request(hub, get(f"/slow/{kind}/")) as answer:
        await client.expect("event", event=ENTERED, data=kind)
        signalled = send(hub, number)
        await is_sent_away(client)
        await ends_well(hub, signalled, number)
        assert b"late" not in await answer.read()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_request_in_flight_does_not_keep_a_server_without_clients(
    daphne_only, start_hub, connect, redis_server, kind
):
    hub = start_hub(redis_url=redis_server.url, **varied(ROOT_URLCONF="tests.support.slow_urls"))
    with Eavesdropper(redis_server) as ear:
        async with request(hub, get(f"/slow/{kind}/")):
            await eventually(ear.heard)
            await ends_well(hub, send(hub, signal.SIGTERM))


async def test_a_client_that_does_not_answer_the_close_does_not_keep_the_server(
    hub, connect, token
):
    async with request(hub, handshake()) as mute:
        assert await mute.readuntil(b"\r\n\r\n")
        client = await (await connect(hub, token=token)).join()
        signalled = send(hub, signal.SIGTERM)
        await is_sent_away(client)
        await ends_well(hub, signalled)


def handshake():
    return (
        f"GET /ws/ HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


async def test_the_clients_of_a_restarted_server_miss_nothing(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    signalled = send(hub, signal.SIGTERM)
    await off_loop(tasks[0].delete)
    await is_sent_away(client)
    await ends_well(hub, signalled)
    await off_loop(tasks[1].delete)
    hub.start()
    await client.reconnect()
    assert len(client.state) == 2
    assert client.repeated == 0
