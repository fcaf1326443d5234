"""What Daphne's protocol lets go of once its client was accepted, and that nothing else changes."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest_asyncio
from daphne.ws_protocol import WebSocketProtocol

from realtime.slimming import FOR_EVERYBODY, OF_THE_HANDSHAKE, slim
from tests.realtime.raw_frames import fragments
from tests.realtime.raw_frames import frame as of_client
from tests.realtime.strict_frames import CLOSE, PING, PONG, Received, parse
from tests.realtime.wires import DaphneWire, PlainSocket, settled

NORMAL = b"\x03\xe8"


@pytest_asyncio.fixture
async def connect():
    """Connect clients to a Daphne; once accepted, the protocols are slim."""
    wires = []

    async def open(socket=None):
        wires.append(await DaphneWire(socket).open())
        return wires[-1]

    yield open
    for wire in wires:
        await wire.end()


def sent(wire):
    """Return the frames that have been sent to a client."""
    frames, rest = parse(wire.socket.flush())
    assert not rest
    return frames


class Channel:
    """What has read the request, as Twisted has it register itself."""

    def __init__(self):
        self.requests = ["the request, which refers to its channel"]
        self.asked = []

    def pauseProducing(self):  # noqa: N802
        self.asked.append("pause")

    resumeProducing = stopProducing = pauseProducing  # noqa: N815


async def test_what_only_the_handshake_needed_is_gone(connect):
    kept = vars((await connect()).protocol)
    assert not kept.keys() & (OF_THE_HANDSHAKE | FOR_EVERYBODY)
    assert kept["request"] == ("/ws/",)


async def test_the_protocol_is_of_its_own_kind_still(connect):
    protocol = (await connect()).protocol
    assert isinstance(protocol, WebSocketProtocol)
    assert type(protocol).__name__ == "WebSocketProtocol"
    assert "client=" in repr(protocol)


async def test_all_connections_share_one_kind(connect):
    assert type((await connect()).protocol) is type((await connect()).protocol)


async def test_the_channel_that_has_read_the_request_is_not_kept(connect):
    socket, channel = PlainSocket(), Channel()
    socket.transport().registerProducer(channel, True)
    wire = await connect(socket)
    assert socket.transport().producer is None
    assert not channel.requests
    wire.stall()
    wire.protocol.sendMessage(b"x" * 1_000_000)
    await wire.flow()
    assert not channel.asked


async def test_messages_of_every_form_still_arrive(connect):
    wire = await connect()
    wire.receive(of_client(data=b"whole"))
    wire.receive(fragments([b"in ", b"pie", b"ces"]))
    wire.receive(of_client(data=b"x" * 70_000))
    await settled()
    assert wire.handled == ["whole", "in pieces", "x" * 70_000]


async def test_a_ping_is_answered_and_pongs_are_awaited(connect):
    wire = await connect()
    wire.receive(of_client(PING, b"there?"))
    assert sent(wire) == [Received(PONG, b"there?")]
    wire.protocol._sendAutoPing()
    [ping] = sent(wire)
    assert wire.protocol.autoPingPending == ping.payload
    wire.receive(of_client(PONG, ping.payload))
    assert wire.protocol.autoPingPending is None


async def test_a_frame_that_breaks_the_rules_is_still_refused(connect):
    wire = await connect()
    wire.receive(of_client(data=b"unmasked", mask=False))
    assert wire.socket.is_cut


async def test_a_message_above_the_limit_is_still_refused(connect):
    wire = await connect()
    wire.protocol.maxMessagePayloadSize = 10
    wire.receive(of_client(data=b"x" * 11))
    assert wire.socket.is_cut


async def test_what_happens_to_one_connection_happens_to_no_other(connect):
    one, other = await connect(), await connect()
    one.protocol.maxFramePayloadSize = 10
    one.receive(of_client(CLOSE, NORMAL))
    await settled()
    assert one.protocol.state != other.protocol.state == WebSocketProtocol.STATE_OPEN
    assert one.protocol.wasClean and not other.protocol.wasClean
    assert other.protocol.maxFramePayloadSize != 10
    other.receive(of_client(data=b"on it goes"))
    await settled()
    assert other.handled == ["on it goes"]


async def test_the_end_is_still_logged_with_its_path(connect):
    wire = await connect()
    logged = []
    wire.protocol.server.action_logger = lambda *action: logged.append(action)
    wire.receive(of_client(CLOSE, NORMAL))
    await wire.lose_client()
    [(_, action, details)] = logged
    assert (action, details["path"]) == ("disconnected", "/ws/")


async def test_what_was_set_otherwise_for_one_connection_stays_its_own(connect):
    wire = await connect()
    kind = type(wire.protocol)
    different = WebSocketProtocol()
    vars(different).update(
        {name: getattr(wire.protocol, name) for name in ("state", "transport", "request")},
        failByDrop=not wire.protocol.failByDrop,
        _transport_details=None,
    )
    slim(different)
    assert type(different) is kind
    assert different.failByDrop is not wire.protocol.failByDrop


async def test_before_the_client_was_accepted_nothing_is_let_go(connect):
    protocol = (await connect()).protocol
    protocol.state = protocol.STATE_CONNECTING
    protocol.http_headers = {"host": "hub.example.org"}
    slim(protocol)
    assert protocol.http_headers == {"host": "hub.example.org"}


def test_an_inside_that_is_not_known_is_no_error(caplog):
    caplog.set_level(logging.DEBUG, "realtime.slimming")
    unknown = SimpleNamespace(state=3, STATE_OPEN=3, other="kept")
    slim(unknown)
    assert unknown.other == "kept"
    assert "keeps what its handshake needed" in caplog.text
