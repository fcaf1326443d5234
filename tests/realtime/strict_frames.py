"""A parser of what a server sends that lets nothing pass which RFC 6455 does not allow it.

Only what this hub may send is allowed: nothing fragmented, and no extension.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Received(NamedTuple):
    """A whole frame."""

    opcode: int
    payload: bytes


def parse(data: bytes) -> tuple[list[Received], bytes]:
    """Return the frames, and the beginning of one that is not whole yet."""
    found: list[Received] = []
    while (end := _end_of_frame(data)) is not None:
        assert not found or found[-1].opcode != CLOSE, f"{data[:40]!r} came after a close"
        frame = Received(data[0] & 0x0F, data[_size_of_head(data) : end])
        _check(frame)
        found.append(frame)
        data = data[end:]
    assert not (data and found and found[-1].opcode == CLOSE), f"{data[:40]!r} came after a close"
    return found, data


def _end_of_frame(data: bytes) -> int | None:
    if data:
        assert data[0] & 0x80, "a fragment"
        assert not data[0] & 0x70, "a reserved bit"
        assert data[0] & 0x0F in (TEXT, CLOSE, PING, PONG), f"opcode {data[0] & 0x0F}"
    if len(data) < 2:
        return None
    assert not data[1] & 0x80, "a masked frame of a server"
    head = _size_of_head(data)
    if len(data) < head:
        return None
    end = head + _length(data)
    return end if len(data) >= end else None


def _size_of_head(data: bytes) -> int:
    return {126: 4, 127: 10}.get(data[1], 2)


def _length(data: bytes) -> int:
    if data[1] < 126:
        return data[1]
    if data[1] == 126:
        (length,) = struct.unpack_from("!H", data, 2)
        assert length > 125, "a length in a longer form than it needs"
        return int(length)
    (length,) = struct.unpack_from("!Q", data, 2)
    assert 65535 < length < 2**63, "a length in a longer form than it needs"
    return int(length)


def _check(frame: Received) -> None:
    if frame.opcode == TEXT:
        frame.payload.decode()
        return
    assert len(frame.payload) < 126, "a control frame with a long payload"
    if frame.opcode == CLOSE and frame.payload:
        assert len(frame.payload) > 1, "half a code"
        frame.payload[2:].decode()
