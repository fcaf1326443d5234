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
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from typing import Any, Final

from realtime.codes import CloseCode
from realtime.frames import Frame
from realtime.transport import AsgiTransport, Send, Transport

logger = logging.getLogger(__name__)

KNOWN_VERSIONS: Final = ("4.2.",)

version = functools.cache(metadata.version)
"""Each connection asks, and reading a package's metadata takes longer than a handshake."""

MAX_REASON_BYTES: Final = 123
"""RFC 6455 section 5.5: a control frame's payload has 125 bytes, two of them the code."""


def transport_for(send: Send) -> Transport:
    """Return the best transport that the server behind an ASGI `send` allows."""
    protocol = _protocol(send)
    return AsgiTransport(send) if protocol is None else DaphneTransport(protocol)


def is_daphne() -> bool:
    """Tell whether this process is served by a Daphne whose inside is known."""
    try:
        known = version("daphne").startswith(KNOWN_VERSIONS)
    except PackageNotFoundError:
        return False
    return known and "daphne.server" in sys.modules and "twisted.internet.reactor" in sys.modules


class DaphneTransport:
    """Writes frames to Daphne's WebSocket protocol on its own thread, the reactor's."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._closing = False

    def send(self, frame: Frame) -> None:
        if not self._is_open:
            return
        try:
            self._protocol.sendData(frame.wire)
        except Exception as error:
            self._give_up(error)

    def close(self, code: CloseCode, reason: str) -> None:
        if not self._is_open:
            return
        self._closing = True
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
        return not self._is_open

    @property
    def is_gone(self) -> bool:
        return self._protocol.state not in (
            self._protocol.STATE_OPEN,
            self._protocol.STATE_CLOSING,
        )

    async def detach(self) -> None:
        self._closing = True

    def _give_up(self, error: Exception) -> None:
        """Drop a client that could not be sent to, instead of leaving it connected and deaf."""
        self._closing = True
        logger.warning("A client could not be sent to and is dropped: %r", error)
        with contextlib.suppress(Exception):
            self._protocol.dropConnection(abort=True)

    @property
    def _is_open(self) -> bool:
        return not self._closing and self._protocol.state == self._protocol.STATE_OPEN


def _protocol(send: Send) -> Any | None:
    """Return the protocol behind Daphne's `send`, unless a middleware has wrapped it."""
    if not is_daphne() or not isinstance(send, functools.partial):
        return None
    server = sys.modules["daphne.server"].Server
    if getattr(send.func, "__func__", None) is not server.handle_reply or len(send.args) != 1:
        return None
    protocol = send.args[0]
    return protocol if hasattr(protocol.transport, "_tempDataLen") else None
