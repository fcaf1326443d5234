"""WebSocket clients that cost the machine little, so that the hub is what is measured.

They speak RFC 6455 on asyncio's own protocols, read no more of a message than they must, and keep
no message. Source addresses are spread over 127.0.0.0/8, as clients come from many places.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

PER_ADDRESS: Final = 100
"""Clients that come from one address: the limits of the hub stay as they are."""

TEXT: Final = 0x81
PING, PONG, CLOSE = 0x89, 0x8A, 0x88

_HANDSHAKE: Final = (
    "GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class LoadClient(asyncio.Protocol):
    """One connection; `heard` is called with each message, as bytes, and its time of arrival."""

    def __init__(self, port: int, heard: Callable[[bytes], None] | None = None) -> None:
        self.began = time.perf_counter()
        self.shaken: float | None = None
        self.ended: str | None = None
        self.transport: Any = None
        self.on_shaken: Callable[[], None] = lambda: None
        self.on_end: Callable[[str], None] = lambda why: None
        self.heard = heard or (lambda payload: None)
        self._port = port
        self._buffer = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether messages may come."""
        return self.shaken is not None and self.ended is None

    def say(self, **message: Any) -> None:
        """Send a message, masked with zeros, which leave it as it is."""
        self._send(TEXT, json.dumps(message).encode())

    def close(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(_HANDSHAKE.format(port=self._port).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.end("cut" if self.shaken else "cut in the handshake")

    def end(self, why: str) -> None:
        """Note that nothing more will come, and why; the first reason counts."""
        if self.ended is None:
            self.ended = why
            self.on_end(why)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.shaken is None and not self._shake():
            return
        start = 0
        while (found := _frame(self._buffer, start)) is not None:
            first, begin, stop = found
            self._take(first, bytes(self._buffer[begin:stop]))
            start = stop
        del self._buffer[:start]

    def _shake(self) -> bool:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        status = head.partition(b"\r\n")[0].decode(errors="replace")
        if " 101 " not in status:
            self.end(f"refused: {status}")
            self.close()
            return False
        self._buffer = bytearray(rest)
        self.shaken = time.perf_counter()
        self.on_shaken()
        return True

    def _take(self, first: int, payload: bytes) -> None:
        if first == TEXT:
            self.heard(payload)
        elif first == PING:
            self._send(PONG, payload)
        elif first == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) > 1 else 1005
            self._send(CLOSE, payload[:2])
            self.end(f"closed with {code}")
            self.transport.close()

    def _send(self, first: int, payload: bytes) -> None:
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        self.transport.write(bytes([first]) + length + b"\x00\x00\x00\x00" + payload)


async def connect(
    client: LoadClient, port: int, number: int, *, receive_buffer: int | None = None
) -> None:
    """Open the connection of a client, from an address that it shares with `PER_ADDRESS` others;
    an error ends the client and is not raised.

    With a small `receive_buffer` what the client does not read is soon the server's to keep.
    """
    loop = asyncio.get_running_loop()
    place = number // PER_ADDRESS
    source = f"127.1.{place // 250}.{place % 250 + 1}"
    with socket.socket() as opened:
        opened.setblocking(False)
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            opened.bind((source, 0))
            await loop.sock_connect(opened, ("127.0.0.1", port))
            await loop.create_connection(lambda: client, sock=opened.dup())
        except OSError as error:
            client.end(f"no connection: {type(error).__name__}")


def _frame(buffer: bytearray, start: int) -> tuple[int, int, int] | None:
    """Return the first byte of a whole frame of the server and where its payload lies."""
    have = len(buffer) - start
    if have < 2:
        return None
    size, begin = buffer[start + 1], start + 2
    if size == 126:
        if have < 4:
            return None
        (size,), begin = struct.unpack_from("!H", buffer, start + 2), start + 4
    elif size == 127:
        if have < 10:
            return None
        (size,), begin = struct.unpack_from("!Q", buffer, start + 2), start + 10
    return None if begin + size > len(buffer) else (buffer[start], begin, begin + size)
