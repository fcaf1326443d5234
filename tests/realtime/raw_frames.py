"""Frames as no library would send them, and what RFC 6455 says of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Iterable, Sequence

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from websockets.utils import apply_mask

SECONDS = 30
MOST_BYTES = 1024 * 1024
"""What Daphne lets a frame, and a message of several, have."""
MASK = b"\x01\x02\x03\x04"
LAST = json.dumps({"type": "ping", "id": "the last"}).encode()


def frame(
    opcode: int = Opcode.TEXT,
    data: bytes = b"",
    *,
    fin: bool = True,
    reserved: Sequence[bool] = (False, False, False),
    mask: bool = True,
) -> bytes:
    """Return the bytes of one frame, however wrong it is: a library would refuse to make it."""
    bits = (fin, *reserved)
    first = sum(bit << 7 - place for place, bit in enumerate(bits)) | opcode
    length = len(data)
    if length < 126:
        head = bytes([first, mask << 7 | length])
    elif length < 65536:
        head = struct.pack("!BBH", first, mask << 7 | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask << 7 | 127, length)
    return head + (MASK + apply_mask(data, MASK) if mask else data)


def lying(length: int, form: int, data: bytes = b"") -> bytes:
    """Return a text frame that claims to be so long, its length in the form of so many bits."""
    heads = {7: bytes([0x80 | length & 0x7F]), 16: b"\xfe" + struct.pack("!H", length & 0xFFFF)}
    head = heads.get(form, b"\xff" + struct.pack("!Q", length))
    return b"\x81" + head + b"\0\0\0\0" + data


def fragments(parts: Iterable[bytes], between: bytes = b"") -> bytes:
    """Return a text message in several frames, with others between them."""
    found = list(parts)
    frames = [
        frame(Opcode.CONT if number else Opcode.TEXT, part, fin=number == len(found) - 1)
        for number, part in enumerate(found)
    ]
    return between.join(frames)


def is_lawful(data: bytes) -> bool:
    """Tell whether a server has to answer what follows these frames: they are whole, they are of
    the protocol, and none of them closes."""
    judge = ServerProtocol(state=State.OPEN, max_size=MOST_BYTES)
    judge.receive_data(data)
    last = frame(Opcode.TEXT, LAST)
    judge.receive_data(last)
    if judge.state is not State.OPEN:
        return False
    frames = [event for event in judge.events_received() if isinstance(event, Frame)]
    if not frames or frames[-1].data != LAST:
        return False
    # The library lets lengths be in a longer form than they need.
    shortest = sum(len(frame(one.opcode, bytes(one.data), fin=one.fin)) for one in frames)
    return shortest == len(data + last) and _texts_are_whole(frames)


def _texts_are_whole(frames: Sequence[Frame]) -> bool:
    """Decode what the library leaves to its caller: text has to be UTF-8 over all its frames."""
    is_text, message = False, b""
    for one in frames:
        if one.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            continue
        if one.opcode is not Opcode.CONT:
            is_text, message = one.opcode is Opcode.TEXT, b""
        message += bytes(one.data)
        if is_text and one.fin and not _is_utf8(message):
            return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class RawClient:
    """A TCP connection to a hub, on which anything at all can be written."""

    def __init__(self, url: str) -> None:
        self._uri = parse_uri(url)

    async def open(self) -> RawClient:
        """Connect; not a byte is sent."""
        self._reader, self._writer = await asyncio.open_connection(self._uri.host, self._uri.port)
        return self

    def request(self) -> bytes:
        """Return the bytes of a handshake."""
        client = ClientProtocol(self._uri)
        client.send_request(client.connect())
        return b"".join(client.data_to_send())

    async def shake_hands(self) -> RawClient:
        """Become a WebSocket."""
        self.write(self.request())
        async with asyncio.timeout(SECONDS):
            answer = await self._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        return self

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def read_until(self, mark: bytes) -> bytes:
        """Return what comes, up to the mark or to the end of the connection."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self._reader.readuntil(mark)
            except asyncio.IncompleteReadError as ended:
                return ended.partial
            except ConnectionError:
                return b""

    def finish(self) -> None:
        """Send nothing more, and say so."""
        with contextlib.suppress(OSError):  # the server may have cut the connection just now
            self._writer.write_eof()

    async def close(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)
