"""A client of the hub over a real socket."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.replica import Message, Replica
from tests.support.state import State

Found = TypeVar("Found")

SECONDS = 20
SHOWN = 5


class HubClient(Replica):
    """One client over any number of connections: its store and its cursor outlive each of them."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        token_in: str = "hello",
        client_id: str | None = None,
        origin: str | None = None,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        cursor: str | None = None,
        state: State | None = None,
    ) -> None:
        super().__init__(cursor=cursor, state=state)
        self.url = url
        self.token = token
        self.token_in = token_in
        self.client_id = client_id
        self.origin = origin
        self.cookies = dict(cookies or {})
        self.headers = dict(headers or {})
        self._numbers = itertools.count(1)
        self._unclaimed: list[Message] = []
        self._news = asyncio.Event()
        self._failure: Exception | None = None
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, as far as this end has heard."""
        return self._reader is not None and not self._reader.done()

    async def connect(self) -> Self:
        """Open a connection; sends nothing yet."""
        assert self._socket is None, "close or drop the former connection first"
        self.begin_connection()
        self._unclaimed.clear()
        self._socket = await connect(
            self.url,
            origin=self.origin,
            additional_headers=self._request_headers(),
            proxy=None,
            max_size=None,
            open_timeout=SECONDS,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def close(self) -> None:
        """Close the connection politely; raises what went wrong while reading."""
        if self._socket is not None:
            await self._socket.close()
            await self._end()

    async def drop(self) -> None:
        """Cut the TCP connection, as a lost network does: the server gets no close frame."""
        if self._socket is not None:
            self._socket.transport.abort()
            await self._end()

    async def wait_closed(self, seconds: float = SECONDS) -> tuple[int, str]:
        """Wait until the server closes; returns the code and the reason."""
        socket = self._open_socket()
        async with asyncio.timeout(seconds):
            await socket.wait_closed()
        code, reason = socket.close_code, socket.close_reason
        await self._end()
        return code or 1006, reason or ""

    async def send(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Send a message, or the text or bytes just as they are."""
        raw = message if isinstance(message, str | bytes) else json.dumps(message)
        await self._open_socket().send(raw)

    async def hello(self, **fields: Any) -> Message:
        """Introduce the client, with its cursor if it has one; returns the `welcome`."""
        message: Message = {"type": "hello"}
        if self.token is not None and self.token_in == "hello":
            message["token"] = self.token
        if self.client_id is not None:
            message["clientId"] = self.client_id
        if self.cursor is not None:
            message["cursor"] = self.cursor
        await self.send(message | fields)
        return await self.expect("welcome")

    async def join(self, **fields: Any) -> Self:
        """Introduce the client and catch up: afterwards it is live."""
        comes_back = self.cursor is not None
        await self.hello(**fields)
        if comes_back:
            await self.wait_for(lambda client: client.caught_up)
            return self
        return await self.sync()

    async def sync(self, **fields: Any) -> Self:
        """Ask for pages from the cursor on until there are no more.

        `fields` go into every request (`limit`), but `since` only into the first.
        """
        has_more = True
        while has_more:
            cursor = {} if self.cursor is None or "since" in fields else {"cursor": self.cursor}
            has_more = (await self.ask({"type": "sync_request"} | cursor | fields))["hasMore"]
            fields.pop("since", None)
        return self

    async def ask(self, message: Message) -> Message:
        """Send a message with an id and return the answer, which must not be an error."""
        number = f"ask-{next(self._numbers)}"
        await self.send(message | {"id": number})
        answer = await self._claim(lambda found: found.get("id") == number)
        assert answer["type"] != "error", f"{message} was answered with {answer}"
        return answer

    async def reconnect(self, **fields: Any) -> Self:
        """Come back on a new connection with the cursor held, and catch up."""
        await self.connect()
        return await self.join(**fields)

    async def wait_for(self, predicate: Callable[[Self], Found], seconds: float = SECONDS) -> Found:
        """Wait until the predicate holds for this client; returns what it returned."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._news
                    if found := predicate(self):
                        return found
                    if self._failure is not None:
                        raise self._failure
                    if not self.is_open:
                        raise AssertionError(f"The connection ended. {self._describe()}")
                    await news.wait()
        except TimeoutError:
            raise AssertionError(f"Waited {seconds} s in vain. {self._describe()}") from None

    async def expect(self, type: str, seconds: float = SECONDS, **fields: Any) -> Message:
        """Wait for a message of this type with these fields; each message is returned once."""
        wanted = {"type": type} | fields
        return await self._claim(lambda found: wanted.items() <= found.items(), seconds)

    async def expect_event(self, name: str, seconds: float = SECONDS) -> Message:
        """Wait for the next event of this name, alone or within `events`."""
        return await self.expect("event", seconds, event=name)

    async def expect_error(self, code: str, seconds: float = SECONDS) -> Message:
        """Wait for an `error` with this code."""
        return await self.expect("error", seconds, code=code)

    async def _claim(
        self, is_wanted: Callable[[Message], bool], seconds: float = SECONDS
    ) -> Message:
        found: Message = await self.wait_for(
            lambda client: next(filter(is_wanted, client._unclaimed), {}), seconds
        )
        self._unclaimed.remove(found)
        return found

    def _take(self, message: Message) -> None:
        if message["type"] == "events":
            for event in message["events"]:
                self._take({"type": "event"} | event)
            return
        self._unclaimed.append(message)
        self.take(message)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for raw in socket:
                assert isinstance(raw, str), "the hub sends text frames only"
                self._take(json.loads(raw))
                self._tell_news()
        except ConnectionClosed:
            pass
        except Exception as failure:
            self._failure = failure
        finally:
            self._tell_news()

    def _tell_news(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _end(self) -> None:
        reader, self._reader, self._socket = self._reader, None, None
        if reader is not None:
            # Not `await reader`: a test that is cancelled here must end, and not go on.
            await asyncio.wait([reader])
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _open_socket(self) -> ClientConnection:
        assert self._socket is not None, "this client is not connected"
        return self._socket

    def _request_headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.token is not None and self.token_in == "header":
            headers["Authorization"] = f"Bearer {self.token}"
        if self.client_id is not None:
            headers["X-Client-Id"] = self.client_id
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return headers

    def _describe(self) -> str:
        shown = "\n".join(json.dumps(message)[:400] for message in self.received[-SHOWN:])
        socket = self._socket
        code = None if socket is None else socket.close_code
        return (
            f"Close code: {code}. Cursor: {self.cursor}. {len(self.received)} messages received, "
            f"the last of them:\n{shown}"
        )
