"""What reaches the socket is what was sent, whole and in order, whoever else writes meanwhile."""

from __future__ import annotations

import asyncio
import errno
import struct
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from realtime.codes import CloseCode
from realtime.daphne import SocketTransport
from realtime.frames import Frame, Run
from tests.realtime.raw_frames import frame as of_client
from tests.realtime.strict_frames import CLOSE, PING, PONG, TEXT, Received, parse
from tests.realtime.wires import DaphneWire, PlainSocket

TEXTS = st.builds(
    lambda size, fill: fill * size,
    st.one_of(
        st.integers(0, 300),
        st.sampled_from([125, 126, 127, 65_535, 65_536, 65_537, 131_072, 200_000]),
    ),
    st.sampled_from(["a", "ü", "😀"]),
)
PAYLOADS = st.binary(max_size=125)
ROOM = st.lists(
    st.one_of(st.integers(0, 12), st.integers(0, 300_000), st.just(0)), min_size=1, max_size=6
)
ERRORS = [errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH]


class SocketMachine(RuleBasedStateMachine):
    """A client on a socket that takes as much as hypothesis draws.

    The model is the list of the frames that were to be written, in order. While the connection
    lives, what the kernel has taken is a beginning of them, and the rest is what is unsent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.expected: list[Received] = []
        self.arrived = bytearray()
        self.is_broken = False
        self.room: list[int] = []
        # What autobahn writes in pieces it writes by a clock, which the machine turns itself.
        self.clock = mock.patch("autobahn.websocket.protocol.txaio.call_later")
        self.clock.start()

    @initialize(patience=st.integers(0, 30))
    def shake_hands(self, patience: int) -> None:
        self.patience = patience
        self.socket = PlainSocket()
        self.wire = DaphneWire(self.socket)
        self.loop.run_until_complete(self.wire.open())
        self.socket.flush()
        self.protocol = self.wire.protocol
        self.transport = self.wire.transport
        assert isinstance(self.transport, SocketTransport)

    def teardown(self) -> None:
        self.clock.stop()
        if hasattr(self, "wire"):
            self._let_all_arrive()
            self.loop.run_until_complete(self.wire.end())
        self.loop.close()

    @property
    def may_end(self) -> bool:
        """Whether enough has been written for an end to matter: else most runs are short."""
        return len(self.expected) >= self.patience

    @property
    def is_open(self) -> bool:
        return bool(self.protocol.state == self.protocol.STATE_OPEN)

    # What the hub does.

    @rule(text=TEXTS)
    def send(self, text: str) -> None:
        frame = Frame(text)
        if not self.transport.is_closing:
            self.expected.append(Received(TEXT, text.encode()))
        has_left = self.transport.send(frame)
        if has_left:
            assert self.transport.unsent == 0
            assert len(self._taken()) == self._size_of_expected()

    @rule(texts=st.lists(TEXTS, min_size=2, max_size=5))
    def send_together(self, texts: list[str]) -> None:
        if not self.transport.is_closing:
            self.expected += [Received(TEXT, text.encode()) for text in texts]
        if self.transport.send(Run([Frame(text) for text in texts])):
            assert self.transport.unsent == 0
            assert len(self._taken()) == self._size_of_expected()

    @precondition(lambda self: self.may_end)
    @rule(reason=st.text("aü😀", max_size=130))
    def close(self, reason: str) -> None:
        was_open = not self.transport.is_closing
        self.transport.close(CloseCode.SLOW, reason)
        if was_open:
            cut = reason.encode()[:123].decode(errors="ignore").encode()
            self.expected.append(Received(CLOSE, struct.pack("!H", CloseCode.SLOW) + cut))
        assert self.transport.is_closing

    # What the server does by itself.

    @rule(payload=PAYLOADS)
    def ping(self, payload: bytes) -> None:
        if self.is_open:
            self.expected.append(Received(PING, payload))
        self.protocol.sendPing(payload)

    @precondition(lambda self: self.is_open)
    @rule(text=TEXTS.filter(bool))
    def send_as_daphne_does(self, text: str) -> None:
        self.expected.append(Received(TEXT, text.encode()))
        self.protocol.handle_reply({"type": "websocket.send", "text": text})

    @precondition(lambda self: self.is_open)
    @rule(text=TEXTS)
    def send_by_the_queue(self, text: str) -> None:
        self.expected.append(Received(TEXT, text.encode()))
        self.protocol.sendData(Frame(text).wire, sync=True)

    @rule()
    def turn_the_queue(self) -> None:
        if self.protocol.triggered:
            self.protocol._send()

    @rule()
    def turn_the_reactor(self) -> None:
        self.socket.reactor.turn()

    @precondition(lambda self: self.may_end)
    @rule()
    def lose(self) -> None:
        self.socket.transport().loseConnection()
        self.is_broken = True

    @precondition(lambda self: self.may_end)
    @rule()
    def abort(self) -> None:
        self.socket.transport().abortConnection()
        self.is_broken = True

    # What the client does.

    @rule(payload=PAYLOADS)
    def ping_of_the_client(self, payload: bytes) -> None:
        if self._receive(of_client(PING, payload)):
            self.expected.append(Received(PONG, payload))

    @precondition(lambda self: self.may_end)
    @rule()
    def close_of_the_client(self) -> None:
        # When it has answered a close, autobahn throws its own queue away.
        self.is_broken |= bool(self.protocol.send_queue)
        if self._receive(of_client(CLOSE, struct.pack("!H", 1000))):
            self.expected.append(Received(CLOSE, struct.pack("!H", 1000)))

    @rule()
    def stop_reading(self) -> None:
        self.socket.reads = False

    @rule()
    def read_again(self) -> None:
        self.socket.reads = True

    @rule(room=ROOM)
    def take_so_much(self, room: list[int]) -> None:
        self.room = room
        self.socket.room = lambda size: self.room.pop(0) if self.room else size

    @precondition(lambda self: self.may_end)
    @rule(number=st.sampled_from(ERRORS))
    def break_the_socket(self, number: int) -> None:
        self.socket.error = OSError(number, "broken")
        self.is_broken = True

    # What has to be so after each of these.

    @invariant()
    def what_has_arrived_is_a_beginning_of_what_was_sent(self) -> None:
        if not hasattr(self, "wire"):
            return
        frames, rest = parse(self._taken())
        assert frames == self.expected[: len(frames)]
        if rest:
            following = self.expected[len(frames)]
            assert _wire(following).startswith(rest)

    @invariant()
    def what_has_not_arrived_is_unsent(self) -> None:
        if not hasattr(self, "wire") or self.is_broken or self.protocol.send_queue:
            return
        if self.transport.is_gone:
            return
        assert self.transport.unsent == self._size_of_expected() - len(self._taken())

    def _receive(self, data: bytes) -> bool:
        """Let the server read; says whether it is open, and so has to answer."""
        if not self.socket.transport().connected:
            return False
        was_open = self.is_open
        self.protocol.dataReceived(data)
        return was_open

    def _taken(self) -> bytes:
        self.arrived += self.socket.taken
        self.socket.taken.clear()
        return bytes(self.arrived)

    def _size_of_expected(self) -> int:
        return sum(len(_wire(frame)) for frame in self.expected)

    def _let_all_arrive(self) -> None:
        self.socket.reads = True
        self.room = []
        for _ in range(1000):
            if self.protocol.triggered:
                self.protocol._send()
            elif not self.socket.reactor.turn():
                break
        self.what_has_arrived_is_a_beginning_of_what_was_sent()
        if not self.is_broken and not self.socket.transport()._aborting:
            assert parse(self._taken()) == (self.expected, b"")


def _wire(frame: Received) -> bytes:
    """Return a frame's bytes, made by another's code than the hub's."""
    return of_client(frame.opcode, frame.payload, mask=False)


TestAnyOrderOfEvents = SocketMachine.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
