"""What every transport promises, and how each is recognised."""

from __future__ import annotations

import asyncio
import errno
import functools

import pytest
import pytest_asyncio
from twisted.internet import tcp, unix
from twisted.protocols.tls import TLSMemoryBIOProtocol

from realtime import daphne, transport
from realtime.codes import CloseCode
from realtime.daphne import DaphneTransport, SocketTransport, transport_for
from realtime.frames import Frame, Run
from realtime.transport import AsgiTransport
from tests.realtime.strict_frames import parse
from tests.realtime.wires import AsgiWire, DaphneWire, ListSocket, PlainSocket, settled


@pytest_asyncio.fixture
async def asgi_wire():
    wire = AsgiWire()
    yield wire
    await wire.transport.detach()


@pytest_asyncio.fixture
async def daphne_wire():
    """Daphne on something that is no plain socket."""
    wire = await DaphneWire(ListSocket()).open()
    yield wire
    await wire.end()


@pytest_asyncio.fixture
async def socket_wire():
    wire = await DaphneWire().open()
    yield wire
    await wire.end()


@pytest.fixture(params=["asgi", "daphne", "socket"])
def wire(request):
    """Each wire in turn: the tests that take it are the contract."""
    return request.getfixturevalue(f"{request.param}_wire")


@pytest.fixture(params=["daphne", "socket"])
def either_daphne(request):
    """Daphne with each way of writing."""
    return request.getfixturevalue(f"{request.param}_wire")


def send(wire, *texts):
    for text in texts:
        wire.transport.send(Frame(text))


TEXTS = ["a", "ü😀", "", "x" * 125, "y" * 126, "z" * 70_000]


async def test_frames_arrive_whole_and_in_the_order_sent(wire):
    send(wire, *TEXTS)
    await wire.flow()
    assert wire.texts == TEXTS


async def test_what_is_written_together_arrives_as_the_frames_it_is_made_of(wire):
    wire.transport.send(Run([Frame(text) for text in TEXTS]))
    send(wire, "after")
    await wire.flow()
    assert wire.texts == [*TEXTS, "after"]


async def test_what_is_written_together_is_unsent_together(wire):
    wire.stall()
    frames = [Frame("ü" * 1000) for _ in range(3)]
    wire.transport.send(Run(frames))
    await settled()
    assert wire.transport.unsent == sum(len(frame.wire) for frame in frames)
    await wire.flow()
    assert wire.transport.unsent == 0


async def test_sending_never_waits_for_a_client_that_does_not_read(wire):
    wire.stall()
    texts = [str(n) for n in range(100)]
    send(wire, *texts)
    await settled()
    assert wire.texts == []
    await wire.flow()
    assert wire.texts == texts


async def test_a_transport_that_was_just_made_is_open(wire):
    assert (wire.transport.is_closing, wire.transport.is_gone) == (False, False)
    assert wire.transport.unsent == 0


async def test_a_close_comes_after_all_that_was_sent_before(wire):
    wire.stall()
    send(wire, "a", "b")
    wire.transport.close(CloseCode.SLOW, "Slow.")
    await wire.flow()
    assert wire.texts == ["a", "b"]
    assert wire.closed == (4001, "Slow.")


async def test_nothing_is_sent_after_a_close(wire):
    wire.transport.close(CloseCode.SLOW, "Slow.")
    send(wire, "late")
    await wire.flow()
    send(wire, "later")
    await wire.flow()
    assert wire.texts == []
    assert wire.transport.is_closing


async def test_a_second_close_is_ignored(wire):
    wire.transport.close(CloseCode.SLOW, "First.")
    wire.transport.close(CloseCode.BAD_TOKEN, "Second.")
    await wire.flow()
    wire.transport.close(CloseCode.REVOKED, "Third.")
    await wire.flow()
    assert wire.closed == (4001, "First.")


@pytest.mark.parametrize("code", CloseCode)
async def test_a_close_carries_its_code_and_its_reason(wire, code):
    wire.transport.close(code, "The server is restarting.")
    await wire.flow()
    assert wire.closed == (code, "The server is restarting.")


async def test_unsent_counts_what_the_client_has_not_read_and_only_that(wire):
    wire.stall()
    send(wire, "x" * 1000)
    await settled()
    assert 1000 <= wire.transport.unsent <= 1020
    send(wire, "y" * 70_000)
    assert 71_000 <= wire.transport.unsent <= 71_040
    await wire.flow()
    assert wire.transport.unsent == 0


async def test_a_frame_that_is_said_to_have_left_has_and_so_have_those_before_it(wire):
    assert wire.transport.send(Frame("a")) is (wire.transport.unsent == 0)
    await wire.flow()
    wire.stall()
    assert not wire.transport.send(Frame("b"))
    assert not wire.transport.send(Frame("c"))
    assert wire.transport.unsent > 0
    await wire.flow()
    assert wire.transport.send(Frame("d")) is (wire.transport.unsent == 0)


async def test_unsent_counts_bytes_and_not_characters(wire):
    wire.stall()
    send(wire, "😀" * 1000)
    await settled()
    assert 4000 <= wire.transport.unsent <= 4020


async def test_a_client_is_gone_only_when_it_has_everything_and_the_close(wire):
    wire.stall()
    send(wire, "a")
    wire.transport.close(CloseCode.GOING_AWAY, "Bye.")
    await settled()
    assert not wire.transport.is_gone
    await wire.flow()
    assert wire.closed is not None
    await wire.answer_close()
    assert wire.transport.is_gone


async def test_a_client_is_not_gone_while_its_close_is_on_the_way(wire):
    wire.stall()
    wire.transport.close(CloseCode.GOING_AWAY, "Bye.")
    await settled()
    assert not wire.transport.is_gone


async def test_sending_to_a_client_that_has_gone_does_nothing(wire):
    await wire.lose_client()
    send(wire, "a")
    await wire.flow()
    send(wire, "b")
    wire.transport.close(CloseCode.SLOW, "Slow.")
    await wire.flow()
    assert wire.transport.is_closing
    assert wire.transport.is_gone
    assert wire.texts == []


async def test_a_send_that_raises_is_not_the_senders_problem(wire):
    send(wire, "a")
    await wire.flow()
    wire.break_sending()
    send(wire, "b")
    await wire.flow()
    assert wire.transport.is_closing
    send(wire, "c")
    wire.transport.close(CloseCode.SLOW, "Slow.")
    await wire.flow()
    assert wire.texts == ["a"]


async def test_a_transport_that_cannot_send_does_not_pretend_to_have_bytes_to_send(wire):
    wire.stall()
    send(wire, "x" * 1000, "y" * 1000)
    await wire.lose_client()
    assert wire.transport.unsent == 0


async def test_a_close_that_raises_is_not_the_closers_problem(wire):
    wire.break_sending()
    wire.transport.close(CloseCode.GOING_AWAY, "Bye.")
    await wire.flow()
    assert wire.transport.is_closing


async def test_a_detached_transport_sends_nothing_more(wire):
    wire.stall()
    await wire.transport.detach()
    send(wire, "late")
    wire.transport.close(CloseCode.SLOW, "Slow.")
    await wire.flow()
    assert wire.texts == []
    assert wire.transport.is_closing
    await wire.transport.detach()


async def test_a_reason_that_is_too_long_for_a_close_frame_is_cut_between_characters(
    either_daphne,
):
    either_daphne.transport.close(CloseCode.SLOW, "ü" * 100)
    await either_daphne.flow()
    assert either_daphne.closed == (4001, "ü" * 61)


async def test_daphne_drops_a_client_that_cannot_be_sent_to(either_daphne):
    either_daphne.break_sending()
    send(either_daphne, "a")
    await either_daphne.flow()
    assert either_daphne.socket.is_cut


async def test_a_close_of_the_client_ends_sending(either_daphne):
    either_daphne._client.send_close(1000)
    either_daphne.receive(b"".join(either_daphne._client.data_to_send()))
    send(either_daphne, "late")
    await either_daphne.flow()
    assert either_daphne.texts == []
    assert either_daphne.transport.is_closing


async def test_a_frame_is_on_the_socket_when_send_returns(socket_wire):
    frame = Frame("a")
    assert socket_wire.transport.send(frame)
    assert socket_wire.socket.taken == frame.wire


async def test_a_frame_waits_behind_what_the_server_has_yet_to_write(socket_wire):
    socket_wire.protocol.sendPing(b"first")
    assert not socket_wire.transport.send(Frame("second"))
    assert socket_wire.socket.taken == b""
    frames, _ = parse(socket_wire.socket.flush())
    assert [frame.payload for frame in frames] == [b"first", b"second"]


async def test_a_ping_waits_behind_the_rest_of_a_frame(socket_wire):
    socket_wire.socket.room = lambda size: min(size, 3)
    assert not socket_wire.transport.send(Frame("first"))
    socket_wire.protocol.sendPing(b"second")
    frames, _ = parse(socket_wire.socket.flush())
    assert [frame.payload for frame in frames] == [b"first", b"second"]


async def test_a_socket_that_breaks_ends_the_connection_as_daphne_would_end_it(socket_wire):
    socket_wire.socket.error = BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert not socket_wire.transport.send(Frame("a"))
    assert not socket_wire.transport.is_gone
    socket_wire.socket.flush()
    assert socket_wire.transport.is_gone
    await settled()
    assert socket_wire.has_ended


async def test_an_error_of_twisted_itself_drops_the_client(socket_wire):
    def write(data):
        raise TypeError("not bytes")

    socket_wire.socket.reads = False
    socket_wire.socket.transport().write = write
    assert not socket_wire.transport.send(Frame("a"))
    assert socket_wire.socket.is_cut
    assert socket_wire.transport.is_closing


async def test_a_close_that_a_client_does_not_let_out_ends_its_application(monkeypatch, asgi_wire):
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT", 0.01)
    asgi_wire.stall()
    send(asgi_wire, "a")
    asgi_wire.transport.close(CloseCode.SLOW, "Slow.")
    await asyncio.wait_for(asgi_wire.is_stuck.wait(), 20)
    assert asgi_wire.transport.is_gone


async def test_a_close_that_has_left_ends_nothing(monkeypatch, asgi_wire):
    asgi_wire.transport.close(CloseCode.SLOW, "Slow.")
    await asgi_wire.flow()
    assert asgi_wire.transport.is_gone
    assert asgi_wire.transport._deadline.cancelled()


async def test_a_client_whose_message_the_server_refuses_is_closed_and_not_left_deaf():
    """Daphne behind a wrapped `send` raises for a message above its limit, and goes on."""
    sent = []

    async def refuse_text(message):
        if message["type"] == "websocket.send":
            raise ValueError("too large")
        sent.append(message)

    transport = AsgiTransport(refuse_text)
    transport.send(Frame("x"))
    await settled()
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 4000)]
    await transport.detach()


async def test_daphnes_own_send_is_recognised(daphne_wire):
    assert type(daphne_wire.transport) is DaphneTransport


@pytest.mark.parametrize("server", [tcp.Server, unix.Server], ids=["TCP", "Unix"])
async def test_a_plain_socket_is_recognised(server):
    wire = await DaphneWire(PlainSocket(server)).open()
    assert type(wire.transport) is SocketTransport
    send(wire, "a")
    await wire.flow()
    assert wire.texts == ["a"]
    await wire.end()


async def test_tls_between_daphne_and_the_socket_is_recognised(socket_wire):
    """Its protocol passes on every question to the transport below, so it looks like that one."""
    tls = TLSMemoryBIOProtocol(None, socket_wire.protocol, _connectWrapped=False)
    tls.transport = socket_wire.socket.transport()
    socket_wire.protocol.transport = tls
    assert tls.socket is socket_wire.socket
    assert type(transport_for(socket_wire.send)) is DaphneTransport


async def test_tls_in_the_connection_itself_is_recognised(socket_wire):
    socket_wire.socket.transport().TLS = True
    assert type(transport_for(socket_wire.send)) is DaphneTransport


async def test_a_connection_that_is_more_than_a_plain_socket_is_recognised(socket_wire):
    class Compressing(tcp.Server):
        """Somebody's own transport, which may write otherwise."""

    socket_wire.socket.transport().__class__ = Compressing
    assert type(transport_for(socket_wire.send)) is DaphneTransport


def wrapped(send):
    @functools.wraps(send.func)
    async def middleware(message):
        await send(message)

    return middleware


WRAPPERS = {
    "a function": wrapped,
    "a partial of something else": lambda send: functools.partial(wrapped(send)),
    "a partial of a partial with a function": lambda send: functools.partial(lambda m: send(m)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
async def test_a_send_that_a_middleware_has_wrapped_is_plain_asgi(wrap):
    wire = await DaphneWire().open(wrap)
    assert isinstance(wire.transport, AsgiTransport)
    send(wire, "a")
    await wire.flow()
    assert wire.texts == ["a"]
    await wire.transport.detach()
    await wire.end()


async def test_a_wrapped_daphne_that_refuses_1001_still_closes_its_client():
    wire = await DaphneWire().open(wrapped)
    send(wire, "goodbye")
    wire.transport.close(CloseCode.GOING_AWAY, "Bye.")
    await wire.flow()
    assert wire.texts == ["goodbye"]
    assert wire.closed == (4000, "")
    await wire.transport.detach()
    await wire.end()


@pytest.mark.parametrize("version", ["4.1.2", "4.3.0", "5.0"])
async def test_a_daphne_of_an_unknown_version_is_plain_asgi(monkeypatch, version):
    monkeypatch.setattr(daphne, "version", lambda name: version)
    wire = await DaphneWire().open()
    assert isinstance(wire.transport, AsgiTransport)
    assert not daphne.is_daphne()
    await wire.transport.detach()
    await wire.end()


async def test_without_daphne_installed_everything_is_plain_asgi(monkeypatch):
    def version(name):
        raise daphne.PackageNotFoundError(name)

    monkeypatch.setattr(daphne, "version", version)
    transport = transport_for(AsgiWire().send)
    assert isinstance(transport, AsgiTransport)
    await transport.detach()


async def test_a_daphne_whose_socket_is_of_another_make_is_plain_asgi(daphne_wire):
    class TlsLike:
        """TLS is a protocol between Daphne and the socket, with a buffer of its own."""

    daphne_wire.protocol.transport = TlsLike()
    transport = transport_for(daphne_wire.send)
    assert isinstance(transport, AsgiTransport)
    await transport.detach()
