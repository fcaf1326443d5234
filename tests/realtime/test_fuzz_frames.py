"""A real Daphne and bytes that no WebSocket library sends. What RFC 6455 asks a server to fail, it
fails; whatever it does, no other client is harmed, and the hub logs no traceback."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from tests.realtime.raw_frames import (
    LAST,
    MOST_BYTES,
    RawClient,
    fragments,
    frame,
    is_lawful,
    lying,
)
from tests.support.client import HubClient

EXAMPLES = settings().max_examples
STRANGERS = 100
PING = b'{"type":"ping"}'


@pytest.fixture
def hub_of_others(quick_hub, token):
    """The hub, and a function that shows that somebody who was there before is still served."""
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        witness = HubClient(quick_hub.ws_url, token=token)
        runner.run(witness.connect())
        runner.run(witness.join())
        process = quick_hub.pid

        def run(talk):
            runner.run(talk)
            pong = runner.run(witness.ask({"type": "ping", "n": next(numbers)}))
            assert pong["type"] == "pong"
            assert quick_hub.is_running()
            assert quick_hub.pid == process

        yield quick_hub, run
        runner.run(witness.close())


async def say(hub, data, pieces=1):
    """Send the frames, then a ping; returns whether the ping was answered."""
    client = await RawClient(hub.ws_url).open()
    try:
        await client.shake_hands()
        size = max(1, -(-len(data) // pieces))
        for start in range(0, len(data), size):
            client.write(data[start : start + size])
            await asyncio.sleep(0)
        client.write(frame(Opcode.TEXT, LAST))
        if not is_lawful(data):
            client.finish()
        return b'"the last"' in await client.read_until(b'"the last"')
    finally:
        await client.close()


async def spoken(hub, data, pieces=1):
    assert await say(hub, data, pieces) or not is_lawful(data)


LAWFUL = {
    "a message in three frames": fragments([b'{"ty', b'pe":', b'"ping"}']),
    "pings between the frames": fragments([b'{"type"', b':"ping"}'], frame(Opcode.PING, b"x")),
    "pongs nobody asked for": frame(Opcode.PONG, b"y" * 125) * 20,
    "a character cut in two": fragments(
        ['{"type":"ü"}'.encode()[:10], b'\xbc"}'], frame(Opcode.PING)
    ),
    "an empty text": frame(Opcode.TEXT),
    "an empty binary": frame(Opcode.BINARY),
    "a binary in two frames": frame(Opcode.BINARY, b"\0", fin=False) + frame(Opcode.CONT, b"\xff"),
    "empty continuations": fragments([b"", b"", PING, b"", b""]),
    "a thousand one-byte frames": fragments([b"x"] * 1000),
    "the largest message": frame(Opcode.TEXT, b"x" * MOST_BYTES),
    "a NUL": frame(Opcode.TEXT, b"\0"),
    "many at once": frame(Opcode.TEXT, PING) * 500,
}
UNLAWFUL = {
    "text that is not UTF-8": frame(Opcode.TEXT, b"\xff\xfe"),
    "half a surrogate pair": frame(Opcode.TEXT, b'"\xed\xa0\x80"'),
    "an overlong form": frame(Opcode.TEXT, b"\xc0\x80"),
    "a text that ends within a character": frame(Opcode.TEXT, "ü".encode()[:1]),
    "the first reserved bit": frame(Opcode.TEXT, PING, reserved=(True, False, False)),
    "the other reserved bits": frame(Opcode.TEXT, PING, reserved=(False, True, True)),
    "a reserved opcode": frame(3, PING),
    "a reserved control opcode": frame(11, PING),
    "no mask": frame(Opcode.TEXT, PING, mask=False),
    "a ping in two frames": frame(Opcode.PING, b"x", fin=False),
    "a long ping": frame(Opcode.PING, b"x" * 126),
    "a continuation of nothing": frame(Opcode.CONT, PING),
    "a message within a message": frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, PING),
    "a close of one byte": frame(Opcode.CLOSE, b"\x03"),
    "a close with a code that none may send": frame(Opcode.CLOSE, b"\x03\xed"),
    "a close whose reason is not UTF-8": frame(Opcode.CLOSE, b"\x03\xe8\xff"),
    "a close, and something after it": frame(Opcode.CLOSE, b"\x03\xe8") + frame(Opcode.TEXT, PING),
    "a length in a longer form than needed": lying(5, 16, b"aaaaa"),
    "a length of 2 to the 63": lying(2**63, 64),
    "a length of 2 to the 63 less one": lying(2**63 - 1, 64),
    "a byte more than the largest": lying(MOST_BYTES + 1, 64, b"x" * 1000),
    "fragments beyond the largest": fragments([b"x" * (MOST_BYTES // 2)] * 3),
    "a frame that never ends": lying(1000, 16, b"x"),
    "a request instead of a frame": b"GET / HTTP/1.1\r\n\r\n",
    "nothing but zeros": b"\0" * 100,
    "nothing but ones": b"\xff" * 100,
}


@pytest.mark.parametrize("data", LAWFUL.values(), ids=LAWFUL)
def test_lawful_frames_are_answered_however_odd(hub_of_others, data):
    hub, run = hub_of_others
    assert is_lawful(data)

    async def talk():
        assert await say(hub, data)

    run(talk())


@pytest.mark.parametrize("data", UNLAWFUL.values(), ids=UNLAWFUL)
def test_what_is_against_the_rfc_harms_nobody_else(hub_of_others, data):
    hub, run = hub_of_others
    assert not is_lawful(data)

    async def talk():
        assert not await say(hub, data)

    run(talk())


FRAMES = st.builds(
    frame,
    st.sampled_from([Opcode.TEXT] * 6 + [Opcode.BINARY, Opcode.PING, Opcode.PONG, *range(16)]),
    st.sampled_from([PING, b"", b"x" * 126, b'{"type":"hello"}', b"\xff"]) | st.binary(max_size=90),
    fin=st.sampled_from([True, True, True, True, False]),
    reserved=st.tuples(*[st.sampled_from([False] * 19 + [True])] * 3),
    mask=st.sampled_from([True] * 19 + [False]),
)
LIES = st.builds(
    lying,
    st.sampled_from([0, 1, 125, 126, 65535, 65536, MOST_BYTES, MOST_BYTES + 1, 2**63, 2**64 - 1]),
    st.sampled_from([7, 16, 64]),
    st.binary(max_size=150),
)
MESSAGES = st.lists(st.binary(max_size=20) | st.just(PING), min_size=1, max_size=5).map(fragments)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES)
@given(
    parts=st.lists(FRAMES | FRAMES | MESSAGES | LIES | st.binary(max_size=40), max_size=8),
    pieces=st.sampled_from([1, 1, 2, 7, 50]),
)
@example(parts=[fragments([b'{"type"', b':"ping"}'], frame(Opcode.PING))], pieces=50)
def test_bytes_at_random_harm_nobody_else(hub_of_others, parts, pieces):
    hub, run = hub_of_others
    run(spoken(hub, b"".join(parts), pieces))


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES // 3)
@given(data=st.binary(max_size=300), cut=st.integers(0, 400), ends=st.booleans())
def test_handshakes_at_random_harm_nobody_else(hub_of_others, data, cut, ends):
    hub, run = hub_of_others

    async def talk():
        client = await RawClient(hub.ws_url).open()
        client.write(client.request()[:cut] + data)
        if ends:
            client.finish()
            with contextlib.suppress(ConnectionError):
                await client.read_until(b"\r\n\r\n")
        await client.close()

    run(talk())


def test_handshakes_that_never_end_keep_nobody_out(hub_of_others):
    hub, run = hub_of_others

    async def talk():
        slow = [await RawClient(hub.ws_url).open() for _ in range(STRANGERS)]
        for client in slow:
            client.write(client.request()[:-2])
        assert await say(hub, frame(Opcode.TEXT, PING))
        for client in slow:
            await client.close()

    run(talk())


def test_a_handshake_byte_by_byte_is_one(hub_of_others):
    hub, run = hub_of_others

    async def talk():
        client = await RawClient(hub.ws_url).open()
        for byte in client.request():
            client.write(bytes([byte]))
            await asyncio.sleep(0)
        assert b" 101 " in await client.read_until(b"\r\n\r\n")
        await client.close()

    run(talk())
