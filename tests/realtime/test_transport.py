"""What every transport promises, and how each is recognised."""

from __future__ import annotations

import functools

import pytest
import pytest_asyncio

from realtime import daphne
from realtime.codes import CloseCode
from realtime.daphne import DaphneTransport, transport_for
from realtime.frames import Frame
from realtime.transport import AsgiTransport
from tests.realtime.wires import AsgiWire, DaphneWire, settled


@pytest_asyncio.fixture
async def asgi_wire():
    wire = AsgiWire()
    yield wire
    await wire.transport.detach()


@pytest_asyncio.fixture
async def daphne_wire():
    wire = await DaphneWire().open()
    yield wire
    await wire.end()


@pytest.fixture(params=["asgi", "daphne"])
def wire(request):
    """Each wire in turn: the tests that take it are the contract."""
    return request.getfixturevalue(f"{request.param}_wire")


def send(wire, *texts):
    for text in texts:
        wire.transport.send(Frame(text))


TEXTS = ["a", "ü😀", "", "x" * 125, "y" * 126, "z" * 70_000]


async def test_frames_arrive_whole_and_in_the_order_sent(wire):
    send(wire, *TEXTS)
    await wire.flow()
    assert wire.texts == TEXTS


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
    await settled()
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


async def test_a_reason_that_is_too_long_for_a_close_frame_is_cut_between_characters(daphne_wire):
    daphne_wire.transport.close(CloseCode.SLOW, "ü" * 100)
    await daphne_wire.flow()
    assert daphne_wire.closed == (4001, "ü" * 61)


async def test_daphne_drops_a_client_that_cannot_be_sent_to(daphne_wire):
    daphne_wire.break_sending()
    send(daphne_wire, "a")
    assert daphne_wire.socket.is_cut


async def test_a_close_of_the_client_ends_sending(daphne_wire):
    daphne_wire._client.send_close(1000)
    daphne_wire.protocol.dataReceived(b"".join(daphne_wire._client.data_to_send()))
    send(daphne_wire, "late")
    await daphne_wire.flow()
    assert daphne_wire.texts == []
    assert daphne_wire.transport.is_closing


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
    assert isinstance(daphne_wire.transport, DaphneTransport)


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
