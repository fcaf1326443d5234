"""A client that sends faster than it can be answered, while the database stands still."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import asynccontextmanager

import pytest_asyncio

from realtime.conf import conf
from realtime.database import in_database
from realtime.routing import websocket_application
from tests.realtime.raw_frames import frame as of_client
from tests.realtime.strict_frames import PING, PONG, TEXT, Received, parse
from tests.realtime.wires import DaphneWire, settled

SECONDS = 60
FLOOD = 100_000
FEW = 2_000


@asynccontextmanager
async def stalled_database():
    """Keep every thread of the hub busy, as a database does that answers nothing."""
    may_go_on = threading.Event()
    together = threading.Barrier(conf().DATABASE_THREADS + 1)

    def stall():
        together.wait(SECONDS)
        may_go_on.wait(SECONDS)

    stalled = [asyncio.create_task(in_database(stall)) for _ in range(conf().DATABASE_THREADS)]
    await asyncio.to_thread(together.wait, SECONDS)
    try:
        yield
    finally:
        may_go_on.set()
        await asyncio.gather(*stalled)


@pytest_asyncio.fixture
async def connect(running):
    """Connect clients to a Daphne that serves the hub."""
    wires = []

    async def open():
        wires.append(await DaphneWire(application=websocket_application).open())
        return wires[-1]

    yield open
    for wire in wires:
        await wire.end()


def said(*messages):
    return b"".join(of_client(data=json.dumps(message).encode()) for message in messages)


def pings(count):
    return said(*({"type": "ping", "id": number} for number in range(count)))


async def arrive(wire, data):
    """Have the client send bytes; returns the most messages that ever waited."""
    wire.socket.arriving += data
    most = 0
    for _ in range(100):
        wire.socket.reactor.turn()
        most = max(most, wire.protocol.application_queue.qsize())
        await settled()
    return most


async def answers(wire, is_enough):
    """Return what the client has got, as soon as that is enough."""
    found = []
    async with asyncio.timeout(SECONDS):
        while not is_enough(found):
            wire.socket.reactor.turn()
            frames, rest = parse(wire.socket.flush())
            assert not rest
            found += frames
            await asyncio.sleep(0)
    return found


def messages(frames):
    return [json.loads(frame.payload) for frame in frames if frame.opcode == TEXT]


def types(frames):
    return [message["type"] for message in messages(frames)]


async def test_a_flood_behind_a_hello_that_waits_keeps_no_more_than_the_limit(connect, token):
    wire = await connect()
    async with stalled_database():
        most = await arrive(wire, said({"type": "hello", "token": token}) + pings(FLOOD))
        assert conf().MAX_WAITING_MESSAGES // 2 < most <= conf().MAX_WAITING_MESSAGES
        assert len(wire.protocol.data) <= 2 * wire.socket.transport().bufferSize
        assert len(wire.socket.arriving) > FLOOD, "the rest waits with the client"
        await wire.lose_client()


async def test_all_of_a_flood_is_answered_in_order_once_the_database_is_back(
    settings, connect, token
):
    settings.REALTIME = {"MESSAGE_RATE": 0}
    wire = await connect()
    async with stalled_database():
        hello = said({"type": "hello", "token": token})
        await arrive(wire, hello + pings(FEW) + of_client(PING, b"the last"))
        assert parse(wire.socket.flush()) == ([], b"")
    found = await answers(wire, lambda found: Received(PONG, b"the last") in found)
    found += await answers(wire, lambda more: len(messages(found + more)) == FEW + 1)
    assert types(found)[0] == "welcome"
    assert [pong["id"] for pong in messages(found)[1:]] == list(range(FEW))


async def test_a_flood_above_the_rate_gets_one_error_and_then_silence(settings, connect, token):
    settings.REALTIME = {"MESSAGE_RATE": 0.001, "MESSAGE_BURST": 11}
    wire = await connect()
    async with stalled_database():
        hello = said({"type": "hello", "token": token})
        await arrive(wire, hello + pings(FEW) + of_client(PING, b"the last"))
    found = await answers(wire, lambda found: Received(PONG, b"the last") in found)
    for _ in range(FEW):
        await asyncio.sleep(0)
    found += await answers(wire, lambda more: not wire.protocol.application_queue.qsize())
    assert types(found) == ["welcome", *["pong"] * 10, "error"]
    assert messages(found)[-1]["code"] == "rate_limited"


async def test_a_flood_makes_no_other_client_wait(settings, connect, token):
    settings.REALTIME = {"MESSAGE_RATE": 0}
    calm = await connect()
    await arrive(calm, said({"type": "hello", "token": token}))
    await answers(calm, lambda found: "welcome" in types(found))
    flooding = await connect()
    async with stalled_database():
        await arrive(flooding, said({"type": "hello", "token": token}) + pings(FEW))
        await arrive(calm, said({"type": "ping", "id": "prompt"}) + of_client(PING, b"prompt"))
        found = parse(calm.socket.flush())[0]
        assert [message["id"] for message in messages(found)] == ["prompt"]
        assert Received(PONG, b"prompt") in found


async def test_a_client_that_floods_and_leaves_is_seen_to_have_left(connect, token):
    wire = await connect()
    async with stalled_database():
        await arrive(wire, said({"type": "hello", "token": token}) + pings(FEW))
        wire.socket.is_at_end = True
    async with asyncio.timeout(SECONDS):
        while not wire.has_ended:
            wire.socket.reactor.turn()
            await asyncio.sleep(0)
