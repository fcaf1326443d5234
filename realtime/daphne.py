"""Daphne's own connection, reached below ASGI.

There the frame's bytes are written as they are, the unsent bytes can be seen, and a close frame
may carry 1001 and a reason, which autobahn's `sendClose` refuses. It is the inside of Daphne, so
only versions that were read are used so; any other is served by plain ASGI.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from typing import Any, Final

from realtime.codes import CloseCode
from realtime.frames import Frame, Run
from realtime.inflow import Inflow
from realtime.slimming import slim
from realtime.transport import AsgiTransport, Send, Transport

logger = logging.getLogger(__name__)

KNOWN_VERSIONS: Final = ("4.2.",)

version = functools.cache(metadata.version)
"""Each connection asks, and reading a package's metadata takes longer than a handshake."""

MAX_REASON_BYTES: Final = 123
"""RFC 6455 section 5.5: a control frame's payload has 125 bytes, two of them the code."""


def transport_for(send: Send, on_stuck: Callable[[], object] = lambda: None) -> Transport:
    """Return the best transport that the server behind an ASGI `send` allows.

    `on_stuck` is called where a client does not let its close out, and the server will not cut the
    connection by itself.
    """
    protocol = _protocol(send)
    if protocol is None:
        return AsgiTransport(send, on_stuck)
    return SocketTransport(protocol) if _is_plain(protocol.transport) else DaphneTransport(protocol)


def is_daphne() -> bool:
    """Tell whether this process is served by a Daphne whose inside is known."""
    try:
        known = version("daphne").startswith(KNOWN_VERSIONS)
    except PackageNotFoundError:
        return False
    return known and "daphne.server" in sys.modules and "twisted.internet.reactor" in sys.modules


class DaphneTransport:
    """Writes frames to Daphne's WebSocket protocol on its own thread, the reactor's, whatever
    lies between that protocol and the socket, such as TLS."""

    __slots__ = ("__weakref__", "_inflow", "_open", "_protocol")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._inflow = Inflow(protocol)
        self._open: int | None = protocol.STATE_OPEN
        """The state of the protocol in which frames may be sent; None once this end is done."""

    def settle(self) -> None:
        slim(self._protocol)

    def send(self, frame: Frame | Run) -> bool:
        if self._protocol.state != self._open:
            return False
        try:
            self._protocol.sendData(frame.wire)
        except Exception as error:
            self._give_up(error)
        return False

    def close(self, code: CloseCode, reason: str) -> None:
        if self.is_closing:
            return
        self._open = None
        self._inflow.end()
        text = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        try:
            self._protocol.sendCloseFrame(code=int(code), reasonUtf8=text.encode(), isReply=False)
        except Exception as error:
            self._give_up(error)

    @property
    def unsent(self) -> int:
        if self.is_gone:
            return 0
        tcp = self._protocol.transport
        return len(tcp.dataBuffer) - int(tcp.offset) + int(tcp._tempDataLen)

    @property
    def is_closing(self) -> bool:
        return bool(self._protocol.state != self._open)

    @property
    def is_gone(self) -> bool:
        return self._protocol.state not in (
            self._protocol.STATE_OPEN,
            self._protocol.STATE_CLOSING,
        )

    async def detach(self) -> None:
        self._open = None
        self._inflow.end()

    def _give_up(self, error: Exception) -> None:
        """Drop a client that could not be sent to, instead of leaving it connected and deaf."""
        self._open = None
        logger.warning("A client could not be sent to and is dropped: %r", error)
        with contextlib.suppress(Exception):
            self._protocol.dropConnection(abort=True)


class SocketTransport(DaphneTransport):
    """Writes a frame straight to the socket while nothing else waits to be written to it.

    Everything that Daphne writes itself, and what the kernel does not take, goes through Twisted's
    buffer; while there is anything in it, frames queue up behind. So nothing overtakes, and no
    frame is cut in two by another.
    """

    __slots__ = ("_socket_send", "_tcp")

    def __init__(self, protocol: Any) -> None:
        super().__init__(protocol)
        self._tcp = protocol.transport
        self._socket_send = self._tcp.socket.send

    def send(self, frame: Frame | Run) -> bool:
        # Called for every message to every client: what it costs besides the system call counts.
        protocol, tcp = self._protocol, self._tcp
        if (
            tcp._tempDataBuffer
            or tcp.dataBuffer
            or protocol.send_queue
            or protocol.state != self._open
            or tcp.disconnecting
            or tcp._aborting
        ):
            return DaphneTransport.send(self, frame)
        wire = frame.wire
        try:
            taken = self._socket_send(wire)
        except OSError:  # full, or broken: Twisted meets the same error, and ends the connection
            taken = 0
        if taken == len(wire):
            return True
        try:
            tcp.write(wire[taken:])
        except Exception as error:
            self._give_up(error)
        return False


def _protocol(send: Send) -> Any | None:
    """Return the protocol behind Daphne's `send`, unless a middleware has wrapped it."""
    if not is_daphne() or not isinstance(send, functools.partial):
        return None
    server = sys.modules["daphne.server"].Server
    if getattr(send.func, "__func__", None) is not server.handle_reply or len(send.args) != 1:
        return None
    protocol = send.args[0]
    return protocol if hasattr(protocol.transport, "_tempDataLen") else None


def _is_plain(tcp: Any) -> bool:
    """Tell whether what Twisted is given to write is what it writes to a socket: TLS, which may
    also lie in the connection itself, would be broken by bytes that go past it."""
    from twisted.internet import tcp as plain
    from twisted.internet import unix

    return type(tcp) in (plain.Server, unix.Server) and not tcp.TLS
