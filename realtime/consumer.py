"""The WebSocket consumer: reads messages, answers each, and never dies of one."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import timezone

from realtime import auth, catchup, presence, shutdown
from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection
from realtime.daphne import transport_for
from realtime.database import in_database
from realtime.encoding import timestamp
from realtime.errors import (
    BadToken,
    BinaryUnsupported,
    Forbidden,
    InvalidMessage,
    RealtimeError,
    TooLarge,
    Unauthenticated,
    wire_error,
)
from realtime.frames import Frame
from realtime.messages import (
    ErrorMessage,
    Hello,
    Limits,
    Ping,
    Pong,
    SyncRequest,
    Welcome,
    decode,
    encode,
    given,
)
from realtime.origins import Origin, header_values, origin_of
from realtime.relay import relay
from realtime.worker import Worker
from sync.conf import conf as sync_conf
from sync.cursor import Position

logger = logging.getLogger(__name__)

SUBPROTOCOL = "hub.v1"


class HubConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Serves one client.

    It opens no channel of the channel layer, so that the layer can die without closing a socket,
    and leaves all sending of changes to the relay of its event loop.
    """

    channel_layer_alias = "realtime.none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.connection = Connection(transport_for(send))
        self.connection.on_behind = self._fell_behind
        self.worker = Worker()
        self.client_id: str | None = None
        self.deadline: asyncio.TimerHandle | None = None
        shutdown.watch(self.connection)
        async with relay() as self.relay:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message without the thread hop that Channels makes for each."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """End without the thread hop that Channels makes; `__call__` cleans up either way."""
        raise StopConsumer

    async def connect(self) -> None:
        """Accept the client, unless another site's page opened the connection."""
        headers = self.scope["headers"]
        origin = origin_of(headers)
        if origin is Origin.FOREIGN:
            logger.warning("Refused a connection from the foreign origin %s.", _shown(headers))
            await self.close()
            return
        offered = self.scope.get("subprotocols", ())
        await self.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        if shutdown.in_progress():
            shutdown.say_goodbye(self.connection)
            return
        await self._safely(self._arrive(origin is Origin.OWN), None)

    async def receive(self, text_data: str | None = None, bytes_data: Any = None, **_: Any) -> None:
        """Answer a message; whatever it holds, the connection lives."""
        if self.connection.transport.is_closing:
            return
        try:
            message = self._decode(text_data)
        except RealtimeError as error:
            self._send_error(error, error.request_id)
            return
        await self._safely(self._handle(message), message.id)

    async def _arrive(self, cookies_count: bool) -> None:
        self._say_client_id(self._given_client_id())
        token = auth.bearer_token(self.scope["headers"])
        if token is not None:
            await self._admit(await in_database(auth.token_user, token))
            return
        if cookies_count:
            user = await in_database(auth.session_user, self.scope["headers"])
            if user is not None:
                await self._admit(user)
                return
        loop = asyncio.get_running_loop()
        self.deadline = loop.call_later(conf().AUTHENTICATION_TIMEOUT, self._too_late)

    async def _handle(self, message: Ping | SyncRequest | Hello) -> None:
        if isinstance(message, Hello):
            await self._hello(message)
            return
        if self.connection.identity is None:
            raise Unauthenticated("Say who you are first: send `hello` with a token.")
        if isinstance(message, Ping):
            self._ping(message)
            return
        request = catchup.checked_request(message, self.connection)
        job = functools.partial(catchup.answer, self.relay, self.connection, request)
        self.worker.ask(functools.partial(self._job, job, message.id))

    async def _hello(self, message: Hello) -> None:
        cursor = None if message.cursor is None else Position.parse(message.cursor)
        if message.client_id is not None and self.client_id is None:
            self._say_client_id(message.client_id)
        if message.token is not None:
            await self._authenticate(message.token)
        if self.connection.identity is None:
            raise Unauthenticated("`hello` needs a token where there is no session.")
        self._narrow(message)
        self._welcome(message)
        if cursor is not None:
            job = functools.partial(catchup.resume, self.relay, self.connection, cursor)
            self.worker.ask(functools.partial(self._job, job, message.id))
            self.connection.hold()

    async def _authenticate(self, token: str) -> None:
        user = await in_database(auth.token_user, token)
        identity = self.connection.identity
        if identity is None:
            await self._admit(user)
        elif identity.user.pk != user.pk:
            raise Forbidden("A connection cannot change its user. Open another one.")

    async def _admit(self, user: Any) -> None:
        """Make the connection a user's; from here on it hears what the user may hear.

        Joining is the last that may wait: a `hello` with a cursor goes on to hold the connection
        before any live event can pass it.
        """
        if self.deadline is not None:
            self.deadline.cancel()
        identity = await in_database(auth.identify, user, self.client_id)
        await self.relay.refresh()
        self.connection.identity = identity
        self.connection.audiences = identity.audiences
        self.relay.join(self.connection)
        if self.client_id not in (None, identity.client_id):
            self._send_error(Forbidden("The client id is not yours; another one was given."), None)
        self.client_id = identity.client_id
        client = self.scope.get("client") or ("", 0)
        address = str(client[0])[:64]
        self.worker.queue(functools.partial(presence.enter, self.relay, self.connection, address))

    def _narrow(self, message: Hello) -> None:
        """Hear less from now on; what was left out before cannot be had back on this connection."""
        self.connection.tables = catchup.narrowed(message.tables, self.connection.tables)
        audiences = catchup.narrowed(message.audiences, self.connection.audiences)
        self.connection.audiences = audiences or frozenset()
        self.connection.batch = message.batch

    def _welcome(self, message: Hello) -> None:
        identity, position = self.connection.identity, self.connection.position
        assert identity is not None and position is not None, "only members are welcomed"
        self._send(
            Welcome(
                client_id=identity.client_id,
                epoch=position.epoch,
                audiences=sorted(self.connection.audiences),
                heartbeat=conf().HEARTBEAT,
                limits=Limits(
                    message_bytes=conf().MAX_MESSAGE_BYTES,
                    page_changes=sync_conf().PAGE_LIMIT,
                    page_bytes=sync_conf().PAGE_BYTES,
                ),
                cursor=given(message.cursor or self.connection.cursor),
                id=given(message.id),
            )
        )

    def _ping(self, message: Ping) -> None:
        if message.cursor is not None:
            Position.parse(message.cursor)
            self.connection.acknowledged = message.cursor
        now = timestamp(timezone.now())
        self._send(Pong(id=given(message.id), timestamp=now, cursor=given(self.connection.cursor)))

    def _decode(self, text: str | None) -> Ping | SyncRequest | Hello:
        if text is None:
            raise BinaryUnsupported("Messages are JSON in text frames.")
        limit = conf().MAX_MESSAGE_BYTES
        if len(text) > limit or len(text.encode(errors="replace")) > limit:
            raise TooLarge(f"A message may have {limit} bytes.")
        return decode(text)

    async def _safely(self, work: Coroutine[Any, Any, None], request_id: Any) -> None:
        """Run what a message asks for; whatever it raises becomes an answer."""
        try:
            await work
        except BadToken as error:
            self.connection.goodbye(CloseCode.BAD_TOKEN, str(error))
        except Exception as error:
            self._send_error(error, request_id)
            if self.connection.identity is None and not isinstance(error, RealtimeError):
                # Not known to the relay, it would wait for ever: let the client try again.
                self.connection.goodbye(CloseCode.RESTARTING, "The server is not ready.", 1.0)

    async def _job(self, job: Any, request_id: Any) -> None:
        await self._safely(job(), request_id)

    def _fell_behind(self) -> None:
        job = functools.partial(catchup.drain, self.relay, self.connection)
        self.worker.queue(functools.partial(self._job, job, None))

    def _send_error(self, error: Exception, request_id: Any) -> None:
        code, text, retryable = wire_error(error)
        if code == "internal":
            logger.error("A message could not be answered: %s", error, exc_info=error)
        self._send(ErrorMessage(code=code, message=text, retryable=retryable, id=given(request_id)))

    def _send(self, message: Any) -> None:
        self.connection.send(Frame(encode(message)))

    def _given_client_id(self) -> str | None:
        headers = header_values(self.scope["headers"], b"x-client-id")
        if headers:
            return headers[0]
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return query["client_id"][0] if "client_id" in query else None

    def _say_client_id(self, client_id: str | None) -> None:
        """Take a client id that the client chose; a bad one costs it the id, not the connection."""
        if client_id is None:
            return
        try:
            self.client_id = auth.checked_client_id(client_id)
        except InvalidMessage as error:
            self._send_error(error, None)

    def _too_late(self) -> None:
        seconds = conf().AUTHENTICATION_TIMEOUT
        self.connection.goodbye(
            CloseCode.NO_AUTHENTICATION, f"Nobody authenticated within {seconds:g} seconds."
        )

    async def _leave(self) -> None:
        self.relay.leave(self.connection)
        shutdown.forget(self.connection)
        if self.deadline is not None:
            self.deadline.cancel()
        await self.worker.stop()
        await self.connection.transport.detach()
        if self.connection.identity is not None and not shutdown.in_progress():
            await presence.leave(self.connection)


def _shown(headers: Any) -> str:
    return ", ".join(header_values(headers, b"origin"))[:200]
