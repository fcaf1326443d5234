"""The doors through which a client's bytes come in, each as a function that a fuzzer calls."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from realtime import auth, client_ids, consumer, origins
from realtime.errors import ErrorCode, RealtimeError, wire_error
from realtime.messages import ErrorMessage, encode, given
from sync.cursor import Position, parse_since
from sync.errors import SyncError
from tests.fuzz.conversing import Conversation, steps_of, text_of
from tests.fuzz.findings import Kind, require
from tests.fuzz.world import World

MOST_STEPS = 16
"""Steps of one input of `receiving`: there many short ones reach more than a few long ones."""
LONGEST = 100
"""Steps of one whole conversation."""
CONNECTION_LIFE = 500
"""Inputs that one connection of `receiving` takes before the next one is opened."""


class Decoding:
    """The text of one frame, up to the message or the error that is sent."""

    def __init__(self, world: World) -> None:
        del world

    def __call__(self, data: bytes) -> None:
        try:
            message = consumer._decode(text_of(data))
        except RealtimeError as error:
            check_error(error)
        else:
            json.loads(encode(message))

    def close(self) -> None:
        """Nothing is kept."""


class Parsing:
    """The texts within messages and handshakes; the first byte chooses what it is read as."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._parsers: list[Callable[[str], Any]] = [
            self._cursor,
            parse_since,
            client_ids.checked_client_id,
            self._client_id,
            self._origin,
            self._token,
        ]

    def __call__(self, data: bytes) -> None:
        parser = self._parsers[(data or b"\0")[0] % len(self._parsers)]
        try:
            # JSON's texts are whole: decoding has refused half a surrogate pair before.
            parser(data[1:].decode(errors="replace"))
        except (RealtimeError, SyncError) as error:
            check_error(error)
        self._world.complaints.raise_if_any()

    def close(self) -> None:
        """Nothing is kept."""

    def _cursor(self, text: str) -> None:
        position = Position.parse(text)
        require(position.cursor == text, Kind.ANSWER, f"{text!r} is not the cursor it names")

    def _origin(self, text: str) -> None:
        hosts = [(b"host", b"127.0.0.1:8000"), (b"origin", text.encode("latin-1", "replace"))]
        origins.origin_of(hosts)

    def _client_id(self, text: str) -> None:
        query = text.encode("latin-1", "replace")
        client_ids.given_client_id({"headers": [], "query_string": query})

    def _token(self, text: str) -> None:
        auth.bearer_token([(b"authorization", text.encode("latin-1", "replace"))])


class ShakingHands:
    """A whole handshake: a line for the path, one for the query, and one for each header."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, data: bytes) -> None:
        self._world.run(self._shake(data))

    def close(self) -> None:
        """Nothing is kept."""

    async def _shake(self, data: bytes) -> None:
        path, query, *lines = [*data.split(b"\n"), b"", b""][:66]
        headers = [_header(line) for line in lines if line]
        offered = [value for name, value in headers if name == b"sec-websocket-protocol"]
        peer = await self._world.peer(
            path="/ws/" + path.decode(errors="surrogateescape"),
            query=query,
            headers=headers,
            subprotocols=b",".join(offered).decode("latin-1").split(","),
        )
        if peer.accepted and peer.closed is None:
            await self._world.settle(peer)
        await self._world.part(peer)


class Receiving:
    """Frames on a connection that other inputs have used before, so that their number is large."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._conversation = Conversation(world)
        self.transcript: list[bytes] = []
        """What the connection was sent, for what went wrong may have begun long before."""

    def __call__(self, data: bytes) -> None:
        self.transcript.append(b"\n".join(data.split(b"\n", MOST_STEPS)[:MOST_STEPS]))
        self._world.run(self._conversation.take(steps_of(self.transcript[-1])))
        if len(self.transcript) >= CONNECTION_LIFE:
            self.close()

    def close(self) -> None:
        """End the connection."""
        self.transcript.clear()
        self._world.run(self._settle_and_end())

    async def _settle_and_end(self) -> None:
        await self._conversation.settle()
        await self._conversation.end()


class Conversing:
    """A whole conversation on a connection of its own."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, data: bytes) -> None:
        self._world.run(self._converse(data))

    def close(self) -> None:
        """Nothing is kept."""

    async def _converse(self, data: bytes) -> None:
        conversation = Conversation(self._world)
        try:
            await conversation.take(steps_of(data)[:LONGEST])
            await conversation.settle()
        finally:
            await conversation.end()


TARGETS: dict[str, Callable[[World], Any]] = {
    "decoding": Decoding,
    "parsing": Parsing,
    "shaking_hands": ShakingHands,
    "receiving": Receiving,
    "conversing": Conversing,
}


def check_error(error: Exception) -> None:
    """Check that an error is one that clients are told of, and can be sent."""
    code, text, retryable = wire_error(error)
    require(code in set(ErrorCode) - {ErrorCode.INTERNAL}, Kind.ANSWER, f"{error!r} is ours")
    identity = getattr(error, "request_id", None)
    message = ErrorMessage(code=code, message=text, retryable=retryable, id=given(identity))
    require(json.loads(encode(message))["code"] == code, Kind.ANSWER, f"{error!r} is not sent")


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    with contextlib.suppress(UnicodeDecodeError):
        name = name.decode("ascii").lower().encode()
    return name, value.strip()
