"""How many events a client has read: counted in its bytes as they come, whole or torn anywhere.

It is the load client's inner loop, so nothing is decoded that need not be: what is long is an
event, what is short (pings, answers) is handed over to be looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

FIN_TEXT: Final = 0x81
PING: Final = 0x89
CLOSE: Final = 0x88

Payload = tuple[int, bytes]
"""The first byte of a frame, and what it carries."""

Counter = Callable[[bytearray, int, list[Payload]], tuple[int, int]]
"""Counts the events among the first bytes of a buffer, appends the frames that are none, and
returns how many events there were and how many bytes need not be seen again."""


def frames_of_at_least(least: int, mark: bytes = b"") -> Counter:
    """Return a counter of WebSocket text frames of at least so many bytes.

    With a mark each of them holds as many events as it holds marks.
    """

    def count(buffer: bytearray, size: int, others: list[Payload]) -> tuple[int, int]:
        events = at = 0
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = buffer[at + 2] << 8 | buffer[at + 3], at + 4
            elif length == 127:
                if size - at < 10:
                    break
                length, start = int.from_bytes(buffer[at + 2 : at + 10]), at + 10
            end = start + length
            if end > size:
                break
            if length < least or buffer[at] != FIN_TEXT:
                others.append((buffer[at], bytes(buffer[start:end])))
            elif mark:
                events += buffer.count(mark, start, end)
            else:
                events += 1
            at = end
        return events, at

    return count


def marks(mark: bytes) -> Counter:
    """Return a counter of marks in a stream without frames, such as server-sent events."""
    kept = len(mark) - 1

    def count(buffer: bytearray, size: int, others: list[Payload]) -> tuple[int, int]:
        # What is kept is shorter than a mark, so none is counted twice.
        return buffer.count(mark, 0, size), max(0, size - kept)

    return count


def masked(payload: bytes, first: int = FIN_TEXT) -> bytes:
    """Return a client's frame; masked with zeros, which leave it as it is."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BBxxxx", first, 0x80 | size) + payload
    return struct.pack("!BBHxxxx", first, 0x80 | 126, size) + payload
