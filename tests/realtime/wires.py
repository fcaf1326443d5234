"""The two transports at one end of a wire, and at the other end a client to look at.

Both wires are real code up to the last step: plain ASGI ends in a `send` as servers have it, which
waits while the client does not read; Daphne's is its own protocol, on a Twisted transport whose
socket is a list of bytes, and the client is the protocol of the `websockets` library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from realtime.daphne import transport_for
from realtime.transport import AsgiTransport, Transport

Wrap = Callable[[Any], Any]


class Wire(Protocol):
    """A transport and the client that its frames reach."""

    transport: Transport
    texts: list[str]
    """What has reached the client."""
    closed: tuple[int, str] | None
    """The code and the reason that have reached the client."""

    def stall(self) -> None:
        """Make the client stop reading."""

    async def flow(self) -> None:
        """Let the client read all there is."""

    async def answer_close(self) -> None:
        """Let the client answer the close."""

    def break_sending(self) -> None:
        """Make every further attempt to send raise."""

    async def lose_client(self) -> None:
        """Cut the connection below the server."""


async def settled() -> None:
    """Give every task that can run the chance to."""
    for _ in range(20):
        await asyncio.sleep(0)


class AsgiWire:
    """A server whose `send` waits for a client that does not read."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self._reads = asyncio.Event()
        self._reads.set()
        self._error: Exception | None = None
        self.transport: Transport = AsgiTransport(self.send)

    async def send(self, message: dict[str, Any]) -> None:
        await self._reads.wait()
        if self._error is not None:
            raise self._error
        assert self.closed is None, f"{message} was sent after the close"
        if message["type"] == "websocket.close":
            self.closed = message["code"], message["reason"]
        else:
            assert message["type"] == "websocket.send"
            self.texts.append(message["text"])

    def stall(self) -> None:
        self._reads.clear()

    async def flow(self) -> None:
        self._reads.set()
        await settled()

    async def answer_close(self) -> None:
        await settled()

    def break_sending(self) -> None:
        self._error = OSError("the client has gone")

    async def lose_client(self) -> None:
        self.break_sending()
        await self.flow()


class Reactor:
    """The little that a `FileDescriptor` asks of a reactor."""

    def addWriter(self, writer: object) -> None: ...  # noqa: N802

    def removeWriter(self, writer: object) -> None: ...  # noqa: N802

    def addReader(self, reader: object) -> None: ...  # noqa: N802

    def removeReader(self, reader: object) -> None: ...  # noqa: N802


class ListSocket(FileDescriptor):
    """Twisted's own buffering above a socket that takes bytes only while the client reads."""

    def __init__(self) -> None:
        super().__init__(Reactor())
        self.connected = 1
        self.taken = bytearray()
        self.reads = True
        self.is_cut = False

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802
        if not self.reads:
            return 0
        self.taken += data
        return len(data)

    def flush(self) -> bytes:
        """Write what is buffered, as the reactor would; returns all that the client can read."""
        while self.reads and (self.dataBuffer or self._tempDataBuffer or self.offset):
            self.doWrite()
            if self.offset == len(self.dataBuffer) and not self._tempDataLen:
                break
        taken, self.taken = bytes(self.taken), bytearray()
        return taken

    def getPeer(self) -> IPv4Address:  # noqa: N802
        return IPv4Address("TCP", "127.0.0.1", 50000)

    getHost = getPeer  # noqa: N815

    def setTcpNoDelay(self, enabled: bool) -> None: ...  # noqa: N802

    def loseConnection(self) -> None:  # noqa: N802
        self.is_cut = True

    abortConnection = loseConnection  # noqa: N815


class DaphneWire:
    """Daphne's protocol after a real handshake; its application has only accepted."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.socket = ListSocket()
        self.transport: Transport
        self.send: Any = None
        self._accepted = asyncio.Event()
        self._application: asyncio.Task[Any] | None = None

    async def open(self, wrap: Wrap = lambda send: send) -> DaphneWire:
        """Shake hands; `wrap` is what a middleware does to the application's `send`."""
        server = Server(self._serve, endpoints=["unused"])
        server.connections = {}
        factory = WebSocketFactory(server)
        factory.setProtocolOptions(allowNullOrigin=True, autoPingInterval=0)
        self.protocol = factory.buildProtocol(self.socket.getPeer())
        self.protocol._raw_query_string = b""
        self.socket.protocol = self.protocol
        self.protocol.makeConnection(self.socket)
        self._client = ClientProtocol(parse_uri("ws://127.0.0.1/ws/"))
        self._client.send_request(self._client.connect())
        self.protocol.dataReceived(b"".join(self._client.data_to_send()))
        self._application = server.connections[self.protocol]["application_instance"]
        await asyncio.wait_for(self._accepted.wait(), 20)
        self.transport = transport_for(wrap(self.send))
        await self.flow()
        return self

    async def _serve(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> Any:
        self.send = send
        await receive()
        await send({"type": "websocket.accept"})
        self._accepted.set()
        while (await receive())["type"] != "websocket.disconnect":
            pass

    def stall(self) -> None:
        self.socket.reads = False

    async def flow(self) -> None:
        await settled()
        self.socket.reads = True
        self._client.receive_data(self.socket.flush())
        for event in self._client.events_received():
            if getattr(event, "opcode", None) is Opcode.TEXT:
                self.texts.append(event.data.decode())
        if self._client.close_rcvd is not None:
            self.closed = self._client.close_rcvd.code, self._client.close_rcvd.reason

    async def answer_close(self) -> None:
        await self.flow()
        self.protocol.dataReceived(b"".join(self._client.data_to_send()))
        assert self.socket.is_cut, "after the closing handshake the server drops the connection"
        await self.lose_client()

    def break_sending(self) -> None:
        def write(data: bytes) -> None:
            raise OSError("the socket is broken")

        self.socket.write = write  # type: ignore[method-assign]

    async def lose_client(self) -> None:
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionDone()))
        await settled()

    async def end(self) -> None:
        """End what the handshake began."""
        assert self._application is not None
        self._application.cancel()
        await asyncio.gather(self._application, return_exceptions=True)
