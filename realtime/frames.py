"""Text messages in the forms that transports write."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Final

_FIN_TEXT: Final = 0x81


class Frame:
    """One message, made into bytes once, however many connections it goes to."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def each(self) -> Sequence[Frame]:
        """The messages in it, as a `Run` has them."""
        return (self,)

    @functools.cached_property
    def wire(self) -> bytes:
        """The whole WebSocket frame.

        The same for every client: "A server MUST NOT mask any frames that it sends to the
        client" (RFC 6455 section 5.1); lengths as in section 5.2.
        """
        payload = self.text.encode()
        size = len(payload)
        if size < 126:
            return struct.pack("!BB", _FIN_TEXT, size) + payload
        if size < 65536:
            return struct.pack("!BBH", _FIN_TEXT, 126, size) + payload
        return struct.pack("!BBQ", _FIN_TEXT, 127, size) + payload


class Run:
    """Messages that are written together. To a client each is a frame of its own, but one system
    call takes all of them."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.each = frames

    @functools.cached_property
    def wire(self) -> bytes:
        """The frames, one behind the other."""
        return b"".join([frame.wire for frame in self.each])
