"""A client below every library: it speaks ASGI with the whole application, and keeps account of
what it said and what it was answered."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from realtime.codes import CloseCode
from realtime.errors import ErrorCode, RealtimeError
from realtime.messages import Hello, decode
from tests.fuzz.findings import Kind, require
from tests.fuzz.vocabulary import tags_of_server

SECONDS = 60
ERROR_CODES = set(ErrorCode) - {ErrorCode.INTERNAL}
ANSWERS = {"pong", "welcome", "sync_response", "error"}
SERVER_TAGS = tags_of_server()


def scope_of(
    headers: list[tuple[bytes, bytes]] | None = None,
    query: bytes = b"",
    path: str = "/ws/",
    subprotocols: list[str] | None = None,
) -> dict[str, Any]:
    """Return the scope of a handshake as servers make it."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(errors="surrogateescape"),
        "root_path": "",
        "query_string": query,
        "headers": headers or [],
        "client": ["127.0.0.1", 50000],
        "server": ["127.0.0.1", 8000],
        "subprotocols": subprotocols or [],
    }


class Peer:
    """One connection; whatever the application sends is checked as it comes."""

    def __init__(self, application: Any, scope: dict[str, Any]) -> None:
        self.accepted = False
        self.closed: int | None = None
        self.cursor = ""
        self.asked: Counter[Any] = Counter()
        """How many messages were sent with each id."""
        self.answered: Counter[Any] = Counter()
        self.spare: Counter[Any] = Counter()
        """How many answers more than one each id may have: a `hello` that asks for pages while too
        much waits is welcomed, and told so."""
        self.may_be_sent_away = any(key == b"authorization" for key, _ in scope["headers"])
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()
        self._unexpected: Exception | None = None
        self._application = asyncio.create_task(application(scope, self._inbox.get, self._take))
        self._application.add_done_callback(lambda _: self._news.set())

    async def connect(self) -> None:
        """Shake hands, and wait until the application has decided."""
        self._inbox.put_nowait({"type": "websocket.connect"})
        await self._until(lambda: self.accepted or self.closed is not None)

    def send_text(self, text: str) -> None:
        """Send a text frame, and note what has to come back."""
        try:
            message = decode(text)
        except RealtimeError as error:
            self.asked[error.request_id] += 1
        else:
            self.asked[message.id] += 1
            if isinstance(message, Hello):
                credentials = (message.token, getattr(message, "pairing_code", None))
                self.may_be_sent_away |= any(one is not None for one in credentials)
                self.spare[message.id] += message.cursor is not None
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        self.asked[None] += 1
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": data})

    async def settle(self, number: str) -> None:
        """Wait until everything that was sent is answered, and check that it is.

        A `ping` is handled after all before it, and pages are answered in the order asked.
        """
        await self.ask("ping", number)
        await self.ask("sync_request", number)
        if self.closed is None:
            self._balance()

    async def leave(self) -> None:
        """End the connection and wait for the application's end."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1005})
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([self._application])
        error = self._application.exception()
        if error is not None:
            raise error
        if self._unexpected is not None:
            raise self._unexpected

    async def ask(self, kind: str, number: str) -> None:
        """Send a message of this type and wait for its answer; again where it was too much."""
        for attempt in range(1000):
            mark = f"{kind}-{number}-{attempt}"
            self.send_text(json.dumps({"type": kind, "id": mark}))
            await self._until(lambda mark=mark: self.answered[mark] or self.closed is not None)  # type: ignore[misc]
            if self.closed is not None or self.answered[mark, "rate_limited"] == 0:
                return
            await asyncio.sleep(0.001)
        require(False, Kind.ANSWER, f"{kind} is refused as too much for ever")

    def _balance(self) -> None:
        for asked, count in self.asked.items():
            answered = self.answered[asked]
            most = count + self.spare[asked] if asked is not None else answered
            require(
                count <= answered <= most,
                Kind.ANSWER,
                f"{count} messages with the id {asked!r} were answered {answered} times",
            )

    async def _until(self, condition: Any) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while not condition():
                    self._raise_if_ended()
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            require(False, Kind.ANSWER, f"nothing came for {SECONDS} s")

    def _raise_if_ended(self) -> None:
        if self._unexpected is not None:
            raise self._unexpected
        if self._application.done():
            self._application.result()
            require(self.closed is not None, Kind.DISCONNECT, "the application ended")

    async def _take(self, message: dict[str, Any]) -> None:
        try:
            getattr(self, "_take_" + message["type"].removeprefix("websocket."))(message)
        except Exception as error:
            self._unexpected = self._unexpected or error
        self._news.set()

    def _take_accept(self, message: dict[str, Any]) -> None:
        self.accepted = True

    def _take_close(self, message: dict[str, Any]) -> None:
        self.closed = message.get("code", 1000)
        allowed = not self.accepted or (
            self.closed == CloseCode.BAD_TOKEN and self.may_be_sent_away
        )
        require(allowed, Kind.DISCONNECT, f"closed with {self.closed} {message.get('reason')}")

    def _take_send(self, message: dict[str, Any]) -> None:
        require(self.accepted and self.closed is None, Kind.ANSWER, "sent outside a connection")
        found = json.loads(message["text"])
        kind, identity = found["type"], found.get("id")
        require(kind in SERVER_TAGS, Kind.ANSWER, f"the type {kind!r} is not the hub's")
        self.cursor = found.get("cursor", self.cursor)
        if kind in ANSWERS:
            self.answered[identity] += 1
        if kind == "error":
            self._take_error(found)

    def _take_error(self, error: dict[str, Any]) -> None:
        code = error["code"]
        require(code in ERROR_CODES, Kind.ANSWER, f"the error {error} is not the client's")
        self.answered[error.get("id"), str(code)] += 1
