"""How a client of each kind of server comes in, when it is in, which of its bytes are events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from benchmarks.fanout_frames import (
    CLOSE,
    PING,
    Counter,
    Payload,
    frames_of_at_least,
    marks,
    masked,
)

EVENT_BYTES: Final = 200
"""The size of an event's data. What else is sent is shorter than half of it."""

_PONG: Final = 0x8A
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of RFC 6455's example: no server cares which it is."""


class Refused(Exception):
    """A server does not let a client in, or sends it away; says how, and when to come again."""

    def __init__(self, how: str, retry_after: float = 1.0) -> None:
        super().__init__(how)
        self.retry_after = retry_after


class WebSocket:
    """A client of a bare WebSocket server: it is in when the handshake is over."""

    path = "/ws/"
    status = b"HTTP/1.1 101"
    end = b"\r\n\r\n"
    """The end of the answer to the opening request."""
    counter: Counter = staticmethod(frames_of_at_least(EVENT_BYTES // 2))

    def request(self, host: str) -> bytes:
        """Return the opening request."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def greeting(self) -> bytes:
        """Return what clients say first that come now; nothing: they are in."""
        return b""

    def is_in(self, payload: bytes) -> bool:
        """Tell whether what the server said after the greeting lets the client in."""
        return True

    def answer(self, payload: Payload) -> bytes:
        """Return what to answer to a frame that is no event; raises `Refused` for a close."""
        first, content = payload
        if first == CLOSE:
            raise Refused(f"closed with {int.from_bytes(content[:2])}")
        return masked(content, _PONG) if first == PING else b""


class Hub(WebSocket):
    """A client of this hub that comes back with a cursor: it is in when it is live."""

    # It sends other long messages too, and several events in one where it may.
    counter = staticmethod(frames_of_at_least(EVENT_BYTES // 2, b'"type":"event",'))

    def __init__(self, token: str, cursor: Callable[[], str], *, batch: bool = False) -> None:
        self._cursor = cursor
        self._hello = {"type": "hello", "token": token, "batch": batch}

    def greeting(self) -> bytes:
        return masked(json.dumps(self._hello | {"cursor": self._cursor()}).encode())

    def is_in(self, payload: bytes) -> bool:
        if b'"type":"goodbye"' in payload or b'"type":"error"' in payload:
            wait = json.loads(payload).get("retryAfterMs", 1000)
            raise Refused(payload.decode(), wait / 1000)
        return b'"type":"sync_response"' in payload and b'"hasMore":false' in payload


class SocketIo(WebSocket):
    """A client of Socket.IO, WebSocket from the start; version 4 of its engine's protocol."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def greeting(self) -> bytes:
        return masked(b"40")

    def is_in(self, payload: bytes) -> bool:
        return payload.startswith(b"40")

    def answer(self, payload: Payload) -> bytes:
        return masked(b"3") if payload[1] == b"2" else super().answer(payload)


class ServerSentEvents(WebSocket):
    """A client of a stream of server-sent events."""

    path = "/events/"
    status = b"HTTP/1.1 200"
    end = b"event: stream-open"
    counter = staticmethod(marks(b"event: message"))

    def request(self, host: str) -> bytes:
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
        ).encode()
