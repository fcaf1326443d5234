"""A client of Daphne is read no faster than its messages are handled."""

from __future__ import annotations

import asyncio
import struct

import pytest
import pytest_asyncio
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.frames import Frame
from tests.realtime.raw_frames import fragments
from tests.realtime.raw_frames import frame as of_client
from tests.realtime.strict_frames import CLOSE, PING, PONG, Received, parse
from tests.realtime.wires import DaphneWire, ListSocket, settled

MESSAGES, BYTES = 10, 1000


@pytest.fixture(autouse=True)
def small_limits(settings):
    settings.REALTIME = {"MAX_WAITING_MESSAGES": MESSAGES, "MAX_WAITING_BYTES": BYTES}


@pytest_asyncio.fixture
async def wire():
    """A client whose application is busy."""
    wire = await DaphneWire().open()
    wire.handles.clear()
    yield wire
    await wire.end()


def texts(count):
    return [f"message {number}" for number in range(count)]


def sent(messages):
    return b"".join(of_client(data=text.encode()) for text in messages)


def arrive(wire, data):
    """Have the client send bytes, and let the server read if it does."""
    wire.socket.arriving += data
    wire.socket.reactor.turn()


def waiting(wire):
    return wire.protocol.application_queue.qsize()


async def work_off(wire):
    """Let the application take all there is."""
    wire.handles.set()
    async with asyncio.timeout(20):
        while wire.socket.arriving or waiting(wire):
            wire.socket.reactor.turn()
            await settled()


async def until(wire, condition):
    async with asyncio.timeout(20):
        while not condition():
            wire.socket.reactor.turn()
            await asyncio.sleep(0)


async def test_what_waits_is_no_more_than_the_limit_though_it_came_at_once(wire):
    arrive(wire, sent(texts(1000)))
    await settled()
    assert MESSAGES - 1 <= waiting(wire) <= MESSAGES
    assert not wire.socket.is_read


async def test_nothing_of_a_flood_is_lost_and_its_order_stays(wire):
    arrive(wire, sent(texts(5000)))
    await work_off(wire)
    await until(wire, lambda: len(wire.handled) == 5000)
    assert wire.handled == texts(5000)
    assert wire.socket.is_read


async def test_few_large_messages_stop_the_reading_too(wire):
    arrive(wire, sent(["x" * (BYTES // 2)] * 5))
    await settled()
    assert waiting(wire) == 2
    await work_off(wire)
    assert len(wire.handled) == 5


async def test_the_socket_is_not_read_while_too_much_waits(wire):
    arrive(wire, sent(texts(MESSAGES + 2)))
    arrive(wire, sent(texts(5)))
    assert wire.socket.arriving == sent(texts(5))
    await work_off(wire)
    assert wire.handled == [*texts(MESSAGES + 2), *texts(5)]


async def test_a_client_that_is_handled_is_always_read(wire):
    wire.handles.set()
    for _ in range(10):
        arrive(wire, sent(texts(MESSAGES - 2)))
        assert wire.socket.is_read
        await settled()
    assert len(wire.handled) == 10 * (MESSAGES - 2)


async def test_a_ping_behind_a_flood_is_answered_when_its_turn_has_come(wire):
    arrive(wire, sent(texts(50)) + of_client(PING, b"later"))
    assert parse(wire.socket.flush())[0] == []
    await work_off(wire)
    assert parse(wire.socket.flush())[0] == [Received(PONG, b"later")]


async def test_a_close_behind_a_flood_is_noticed_in_the_end(wire):
    arrive(wire, sent(texts(50)) + of_client(CLOSE, struct.pack("!H", 1000)))
    await work_off(wire)
    await until(wire, lambda: wire.has_ended)
    assert wire.handled == [*texts(50), None]


async def test_a_cut_connection_behind_a_flood_is_noticed_in_the_end(wire):
    arrive(wire, sent(texts(50)))
    wire.socket.is_at_end = True
    await work_off(wire)
    await until(wire, lambda: wire.has_ended)
    assert wire.handled == [*texts(50), None]


async def test_the_answer_to_a_close_of_the_hub_is_read_through_a_flood(wire):
    arrive(wire, sent(texts(50)))
    wire.transport.close(CloseCode.SLOW, "Slow.")
    await settled()
    arrive(wire, sent(texts(50)) + of_client(CLOSE, struct.pack("!H", 4001)))
    assert wire.socket.is_cut
    assert waiting(wire) <= MESSAGES


async def test_what_comes_after_the_end_of_the_application_is_read_and_not_kept(wire):
    arrive(wire, sent(texts(50)))
    await wire.transport.detach()
    await settled()
    before = waiting(wire)
    arrive(wire, sent(texts(1000)))
    assert waiting(wire) == before
    assert wire.socket.is_read
    assert not wire.socket.arriving
    await wire.transport.detach()


async def test_a_flood_does_not_keep_frames_from_being_sent(wire):
    arrive(wire, sent(texts(50)))
    assert wire.transport.send(Frame("still here"))


async def test_somebody_who_reads_on_is_stopped_anew(wire):
    arrive(wire, sent(texts(50)))
    wire.socket.transport().resumeProducing()
    arrive(wire, sent(texts(50)))
    assert not wire.socket.is_read
    assert waiting(wire) <= MESSAGES
    await work_off(wire)
    assert wire.handled == texts(50) * 2


async def test_an_error_in_what_was_kept_drops_the_client(wire, caplog):
    arrive(wire, sent(texts(50)))

    def fail():
        raise ValueError("a fault")

    wire.protocol.consumeData = fail
    await work_off(wire)
    assert wire.socket.is_cut
    assert "could not be read" in caplog.text


async def test_what_is_no_plain_socket_is_stopped_as_well():
    wire = await DaphneWire(ListSocket()).open()
    wire.handles.clear()
    wire.receive(sent(texts(50)))
    assert MESSAGES - 1 <= waiting(wire) <= MESSAGES
    wire.handles.set()
    await settled()
    await settled()
    await settled()
    assert wire.handled == texts(50)
    await wire.end()


class Flood(RuleBasedStateMachine):
    """A client sends whatever it likes, in pieces that end anywhere, and the application takes what
    it likes: no more than the limit waits, and all is handled in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.number = 0
        self.expected: list[str] = []

    @initialize()
    def connect(self) -> None:
        self.wire = self.runner.run(self._open())

    async def _open(self) -> DaphneWire:
        wire = await DaphneWire().open()
        wire.handles.clear()
        return wire

    @rule(sizes=st.lists(st.integers(0, 400), max_size=30), keep=st.integers(0, 50))
    def send(self, sizes: list[int], keep: int) -> None:
        data = b""
        for size in sizes:
            self.number += 1
            text = f"{self.number} ".ljust(size, "x")
            self.expected.append(text)
            cut = size // 2
            parts = [text[:cut].encode(), text[cut:].encode()] if size % 3 == 0 else [text.encode()]
            data += fragments(parts, of_client(PING, b"between"))
        self.wire.socket.arriving += data
        late = self.wire.socket.arriving[len(self.wire.socket.arriving) - keep :] if keep else b""
        del self.wire.socket.arriving[len(self.wire.socket.arriving) - len(late) :]
        self.wire.socket.reactor.turn()
        self.wire.socket.arriving += late

    @rule()
    def read(self) -> None:
        self.wire.socket.reactor.turn()

    @rule()
    def handle(self) -> None:
        self.runner.run(self._handle())

    async def _handle(self) -> None:
        self.wire.handles.set()
        await asyncio.sleep(0)
        self.wire.handles.clear()
        await settled()

    @invariant()
    def no_more_than_the_limit_waits(self) -> None:
        if hasattr(self, "wire"):
            assert waiting(self.wire) <= conf().MAX_WAITING_MESSAGES
            handled = self.wire.handled
            assert handled == self.expected[: len(handled)]

    def teardown(self) -> None:
        if hasattr(self, "wire"):
            self.runner.run(work_off(self.wire))
            assert self.wire.handled == self.expected
            assert self.wire.socket.is_read
            self.runner.run(self.wire.end())
        self.runner.close()


class TestAnyFlood(Flood.TestCase):
    settings = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
