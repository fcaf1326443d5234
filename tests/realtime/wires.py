"""The two transports at one end of a wire, and at the other end a client to look at.

The wires are real code up to the last step: plain ASGI ends in a `send` as servers have it, which
waits while the client does not read; Daphne's is its own protocol, on a Twisted transport whose
socket is a list of bytes, and the client is the protocol of the `websockets` library.
"""

from __future__ import annotations

import asyncio
import errno
import functools
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Protocol

from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory
from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
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
        self.is_stuck = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        self._error: Exception | None = None
        self.transport: Transport = AsgiTransport(self.send, self.is_stuck.set)

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
    """The little that a transport asks of a reactor; `turn` is one turn of it."""

    def __init__(self) -> None:
        self.readers: set[Any] = set()
        self._writers: set[Any] = set()
        self._calls: list[Callable[[], object]] = []

    def turn(self) -> bool:
        """Do what is due; says whether there was anything."""
        calls, self._calls = self._calls, []
        for call in calls:
            call()
        for writer in list(self._writers):
            self._end_where(writer, writer.doWrite())
        for reader in list(self.readers):
            self._end_where(reader, reader.doRead())
        return bool(calls or self._writers)

    def _end_where(self, one: Any, why: Exception | None) -> None:
        if why:
            self._writers.discard(one)
            self.readers.discard(one)
            one.connectionLost(Failure(why))

    def callLater(self, delay: float, call: Callable[..., object], *given: Any) -> None:  # noqa: N802
        self._calls.append(functools.partial(call, *given))

    def addWriter(self, writer: object) -> None:  # noqa: N802
        self._writers.add(writer)

    def removeWriter(self, writer: object) -> None:  # noqa: N802
        self._writers.discard(writer)

    def addReader(self, reader: object) -> None:  # noqa: N802
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:  # noqa: N802
        self.readers.discard(reader)


class End(Protocol):
    """What is below Daphne's protocol: a transport of Twisted, and how its socket behaves."""

    reads: bool
    """Whether the client reads."""

    @property
    def is_cut(self) -> bool:
        """Whether the server has dropped the connection, or will once all is written."""

    def transport(self) -> Any:
        """The transport that Daphne's protocol is connected to."""

    def flush(self) -> bytes:
        """Write what is buffered, as the reactor would; returns all that the client can read."""

    def break_writing(self) -> None:
        """Make every further attempt to write fail."""


class ListSocket(FileDescriptor):
    """Twisted's own buffering, above something that is no plain socket and takes bytes only while
    the client reads."""

    def __init__(self) -> None:
        super().__init__(Reactor())
        self.connected = 1
        self.taken = bytearray()
        self.reads = True
        self.is_cut = False

    def transport(self) -> ListSocket:
        return self

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802
        if not self.reads:
            return 0
        self.taken += data
        return len(data)

    def flush(self) -> bytes:
        while self.reads and (self.dataBuffer or self._tempDataBuffer or self.offset):
            self.doWrite()
            if self.offset == len(self.dataBuffer) and not self._tempDataLen:
                break
        taken, self.taken = bytes(self.taken), bytearray()
        return taken

    def break_writing(self) -> None:
        def write(data: bytes) -> None:
            raise OSError("the socket is broken")

        self.write = write  # type: ignore[method-assign]

    def getPeer(self) -> IPv4Address:  # noqa: N802
        return IPv4Address("TCP", "127.0.0.1", 50000)

    getHost = getPeer  # noqa: N815

    def setTcpNoDelay(self, enabled: bool) -> None: ...  # noqa: N802

    def loseConnection(self) -> None:  # noqa: N802
        self.is_cut = True

    abortConnection = loseConnection  # noqa: N815


class PlainSocket:
    """A non-blocking socket whose kernel takes as much as a test says, and Twisted's own transport
    for it."""

    def __init__(self, server: type[tcp.Server] = tcp.Server) -> None:
        self.reads = True
        self.taken = bytearray()
        self.room: Callable[[int], int] = lambda size: size
        """How many of so many bytes the kernel takes; 0 is EAGAIN."""
        self.error: OSError | None = None
        self.arriving = bytearray()
        """What the client has sent and the server has not read."""
        self.is_at_end = False
        """Whether the client sends nothing more."""
        self.reactor = Reactor()
        protocol = SimpleNamespace()  # until Daphne's own is connected
        is_tcp = server is tcp.Server
        client: Any = ("127.0.0.1", 50000) if is_tcp else "/client"
        self._name: Any = ("127.0.0.1", 8000) if is_tcp else "/server"
        self._transport = server(self, protocol, client, None, 1, self.reactor)

    def transport(self) -> tcp.Server:
        return self._transport

    @property
    def is_cut(self) -> bool:
        twisted = self._transport
        return bool(twisted._aborting or twisted.disconnecting or not twisted.connected)

    def flush(self) -> bytes:
        for _ in range(1000):
            if not self.reactor.turn():
                break
        taken, self.taken = bytes(self.taken), bytearray()
        return taken

    def break_writing(self) -> None:
        self.error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    def send(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        room = self.room(len(data)) if self.reads else 0
        if not room:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self.taken += data[:room]
        return min(room, len(data))

    @property
    def is_read(self) -> bool:
        """Whether the server reads what arrives."""
        return self._transport in self.reactor.readers

    def recv(self, size: int) -> bytes:
        if self.error is not None:
            raise self.error
        if not self.arriving and not self.is_at_end:
            raise BlockingIOError(errno.EWOULDBLOCK, "Resource temporarily unavailable")
        data = bytes(self.arriving[:size])
        del self.arriving[:size]
        return data

    def recvmsg(self, size: int, *rest: int) -> tuple[bytes, list[Any], int, None]:
        return self.recv(size), [], 0, None

    def setblocking(self, flag: bool) -> None: ...

    def fileno(self) -> int:
        return 1000

    def getsockname(self) -> Any:
        return self._name

    def setsockopt(self, *option: object) -> None: ...

    def shutdown(self, how: int) -> None: ...

    def close(self) -> None:
        self.error = OSError(errno.EBADF, "Bad file descriptor")


class DaphneWire:
    """Daphne's protocol after a real handshake; its application has only accepted."""

    def __init__(self, socket: End | None = None, application: Any = None) -> None:
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.socket = socket or PlainSocket()
        self.transport: Transport
        self.send: Any = None
        self.handled: list[str] = []
        """The messages that the application has taken."""
        self.handles = asyncio.Event()
        """Whether the application is free to take the next."""
        self.handles.set()
        self._serves = application or self._serve
        self._accepted = asyncio.Event()
        self._application: asyncio.Task[Any] | None = None

    async def open(self, wrap: Wrap = lambda send: send) -> DaphneWire:
        """Shake hands; `wrap` is what a middleware does to the application's `send`."""
        server = Server(self._serves, endpoints=["unused"])
        server.connections = {}
        factory = WebSocketFactory(server)
        factory.setProtocolOptions(allowNullOrigin=True, autoPingInterval=0)
        twisted = self.socket.transport()
        self.protocol = factory.buildProtocol(twisted.getPeer())
        self.protocol._raw_query_string = b""
        twisted.protocol = self.protocol
        self.protocol.makeConnection(twisted)
        self._client = ClientProtocol(parse_uri("ws://127.0.0.1/ws/"))
        self._client.send_request(self._client.connect())
        self.receive(b"".join(self._client.data_to_send()))
        self._application = server.connections[self.protocol]["application_instance"]
        if self._serves == self._serve:
            await asyncio.wait_for(self._accepted.wait(), 20)
            self.transport = transport_for(wrap(self.send))
            self.transport.settle()
        await self.flow()
        return self

    def receive(self, data: bytes) -> None:
        """Let the server read bytes of the client."""
        self.protocol.dataReceived(data)

    async def _serve(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> Any:
        self.send = send
        await receive()
        await send({"type": "websocket.accept"})
        self._accepted.set()
        while await self._take(receive):
            pass

    async def _take(self, receive: Any) -> bool:
        await self.handles.wait()
        message = await receive()
        self.handled.append(message.get("text"))
        return bool(message["type"] != "websocket.disconnect")

    @property
    def has_ended(self) -> bool:
        """Whether the application has heard that the client has gone."""
        return self._application is not None and self._application.done()

    def stall(self) -> None:
        self.socket.reads = False

    async def flow(self) -> None:
        await settled()
        self.socket.reads = True
        self._client.receive_data(self.socket.flush())
        await settled()
        for event in self._client.events_received():
            if getattr(event, "opcode", None) is Opcode.TEXT:
                self.texts.append(event.data.decode())
        if self._client.close_rcvd is not None:
            self.closed = self._client.close_rcvd.code, self._client.close_rcvd.reason

    async def answer_close(self) -> None:
        await self.flow()
        self.receive(b"".join(self._client.data_to_send()))
        assert self.socket.is_cut, "after the closing handshake the server drops the connection"
        await self.lose_client()

    def break_sending(self) -> None:
        self.socket.break_writing()

    async def lose_client(self) -> None:
        lost = Failure(ConnectionDone())
        if isinstance(self.socket, PlainSocket):
            self.socket.transport().connectionLost(lost)
        else:
            self.protocol.connectionLost(lost)
        await settled()

    async def end(self) -> None:
        """End what the handshake began."""
        assert self._application is not None
        self._application.cancel()
        await asyncio.gather(self._application, return_exceptions=True)
