"""What is said on one connection: who the client is, and an answer to each of its messages."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Coroutine
from typing import Any

from django.utils import timezone

from realtime import auth, catchup
from realtime.addresses import client_address, counted_as
from realtime.admission import Seat
from realtime.client_ids import checked_client_id, given_client_id
from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection, Identity
from realtime.database import in_database
from realtime.encoding import timestamp
from realtime.errors import (
    BadToken,
    Busy,
    ErrorCode,
    Forbidden,
    InvalidMessage,
    TooManyConnections,
    Unauthenticated,
    wire_error,
)
from realtime.frames import Frame
from realtime.messages import (
    ClientMessage,
    ErrorMessage,
    Hello,
    Limits,
    Ping,
    Pong,
    Welcome,
    encode,
    given,
)
from realtime.relay import Relay
from realtime.worker import Worker
from sync.conf import conf as sync_conf
from sync.cursor import Position

logger = logging.getLogger(__name__)


class Conversation:
    """The protocol on one connection; its messages are answered one at a time.

    Nobody is a member of the relay, and so hears anything, before it has a user.
    """

    def __init__(self, scope: Any, connection: Connection, relay: Relay) -> None:
        self._scope = scope
        self._connection = connection
        self._relay = relay
        self._worker = Worker()
        self._chosen_id: str | None = None
        connection.address = client_address(scope)
        self._seat = Seat(counted_as(connection.address))
        self._deadline: asyncio.TimerHandle | None = None
        connection.on_behind = self._fell_behind

    async def begin(self, *, cookies_count: bool) -> None:
        """Find out who came from what the handshake carried, else wait for `hello`."""
        await self._safely(self._arrive(cookies_count), None)

    async def answer(self, message: ClientMessage) -> None:
        """Answer a message; whatever goes wrong becomes an `error` or a `goodbye`."""
        await self._safely(self._handle(message), message.id)

    def overflow(self) -> None:
        """Leave a message unanswered, for the client does not read its answers: they would be kept
        in memory. It is caught up when it reads again, or closed when it does not."""
        if self._connection.identity is None:
            self._connection.goodbye(CloseCode.SLOW, "The client does not read what it is sent.")
        elif not self._connection.is_held:  # else the catch-up that runs waits for it
            self._connection.fall_behind()

    async def end(self) -> None:
        """Stop all that was begun for the client."""
        self._relay.leave(self._connection)
        if self._deadline is not None:
            self._deadline.cancel()
        self._seat.leave()
        await self._worker.stop()

    def send_error(self, error: Exception, request_id: str | int | None) -> None:
        """Tell the client what was wrong with its message."""
        code, text, retryable = wire_error(error)
        if _is_ours(error):
            logger.error("A message could not be answered: %s", error, exc_info=error)
        wait = getattr(error, "retry_after", None)
        self._send(
            ErrorMessage(
                code=code,
                message=text,
                retryable=retryable,
                retry_after_ms=given(None if wait is None else math.ceil(wait * 1000)),
                id=given(request_id),
            )
        )

    async def _arrive(self, cookies_count: bool) -> None:
        self._seat.arrive()
        self._choose_id(given_client_id(self._scope))
        token = auth.bearer_token(self._scope["headers"])
        user = None
        if token is not None:
            user = await in_database(auth.token_user, token)
        elif cookies_count:
            user = await in_database(auth.session_user, self._scope["headers"])
        if user is not None:
            await self._admit(user)
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(conf().AUTHENTICATION_TIMEOUT, self._too_late)

    async def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Hello):
            await self._hello(message)
            return
        if self._connection.identity is None:
            raise Unauthenticated("Say who you are first: send `hello` with a token.")
        if isinstance(message, Ping):
            self._ping(message)
            return
        request = catchup.checked_request(message, self._connection)
        self._connection.budget.check()
        job = functools.partial(catchup.answer, self._relay, self._connection, request)
        self._worker.ask(functools.partial(self._job, job, message.id))

    async def _hello(self, message: Hello) -> None:
        """Answer `hello`; after the last await, so that no live event passes the holding."""
        cursor = None if message.cursor is None else Position.parse(message.cursor)
        if cursor is not None:
            self._connection.budget.check()
        known = self._connection.identity
        is_unnamed = self._chosen_id is None
        if is_unnamed:
            self._choose_id(message.client_id)
        if message.token is not None:
            await self._authenticate(message.token)
        if known is not None and is_unnamed and self._chosen_id is not None:
            self._become(await in_database(auth.identify, known.user, self._chosen_id))
        if self._connection.identity is None:
            raise Unauthenticated("`hello` needs a token where there is no session.")
        self._describe(message)
        self._narrow(message)
        self._welcome(message)
        if cursor is not None:
            self._resume(cursor, message.id)

    def _resume(self, cursor: Position, request_id: str | int | None) -> None:
        idle = self._worker.is_idle
        job = functools.partial(catchup.resume, self._relay, self._connection, cursor)
        self._worker.ask(functools.partial(self._job, job, request_id))
        if idle:  # else the catch-up that runs holds the connection for its own pages
            self._connection.hold()

    async def _authenticate(self, token: str) -> None:
        user = await in_database(auth.token_user, token)
        identity = self._connection.identity
        if identity is None:
            await self._admit(user)
        elif identity.user.pk != user.pk:
            raise Forbidden("A connection cannot change its user. Open another one.")

    async def _admit(self, user: Any) -> None:
        """Make the connection a user's: from here on it hears what the user may hear."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._seat.take(user.pk)
        identity = await in_database(self._seat.checked, auth.identify, user, self._chosen_id)
        await self._relay.refresh()
        # Both at once, after the last await: with a user but unknown to the relay, the client
        # would be answered and yet hear nothing.
        self._become(identity)
        self._relay.join(self._connection)

    def _become(self, identity: Identity) -> None:
        if self._chosen_id not in (None, identity.client_id):
            self.send_error(Forbidden("The client id is not yours; another one was given."), None)
        if self._connection.identity is None:  # else `hello` may have narrowed them
            self._connection.audiences = identity.audiences
        self._connection.identity = identity
        self._relay.members_changed.set()

    def _describe(self, message: Hello) -> None:
        """Note what the client says of itself, for whoever looks after the clients."""
        connection = self._connection
        connection.app_version = message.app_version or connection.app_version
        connection.platform = message.platform or connection.platform
        self._relay.members_changed.set()
        connection.acknowledged = message.cursor or connection.acknowledged

    def _narrow(self, message: Hello) -> None:
        """Hear less from now on; what was left out cannot be had back on this connection."""
        connection = self._connection
        tables = catchup.narrowed(message.tables, connection.tables)
        audiences = catchup.narrowed(message.audiences, connection.audiences)
        connection.tables = tables
        connection.audiences = audiences or frozenset()
        connection.batch = message.batch

    def _welcome(self, message: Hello) -> None:
        identity, position = self._connection.identity, self._connection.position
        assert identity is not None and position is not None, "only members are welcomed"
        limits = Limits(
            message_bytes=conf().MAX_MESSAGE_BYTES,
            page_changes=sync_conf().PAGE_LIMIT,
            page_bytes=sync_conf().PAGE_BYTES,
        )
        self._send(
            Welcome(
                client_id=identity.client_id,
                epoch=position.epoch,
                audiences=sorted(self._connection.audiences),
                heartbeat=conf().HEARTBEAT,
                limits=limits,
                cursor=given(message.cursor or self._connection.cursor),
                id=given(message.id),
            )
        )

    def _ping(self, message: Ping) -> None:
        if message.cursor is not None:
            Position.parse(message.cursor)
            self._connection.acknowledged = message.cursor
        now = timestamp(timezone.now())
        cursor = given(self._connection.cursor)
        self._send(Pong(id=given(message.id), timestamp=now, cursor=cursor))

    async def _safely(self, work: Coroutine[Any, Any, None], request_id: Any) -> None:
        try:
            await work
        except BadToken as error:
            self._connection.goodbye(CloseCode.BAD_TOKEN, str(error))
        except TooManyConnections as error:
            self._connection.goodbye(CloseCode.TOO_MANY_CONNECTIONS, str(error))
        except Busy as error:
            self._connection.goodbye(CloseCode.BUSY, str(error), error.retry_after)
        except Exception as error:
            self.send_error(error, request_id)
            if self._connection.identity is None and _is_ours(error):
                # Unknown to the relay it would wait for ever: let the client try again.
                self._connection.goodbye(CloseCode.RESTARTING, "The server is not ready.", 1.0)

    async def _job(self, job: Any, request_id: Any) -> None:
        await self._safely(job(), request_id)

    def _fell_behind(self) -> None:
        job = functools.partial(catchup.drain, self._relay, self._connection)
        self._worker.queue(functools.partial(self._job, job, None))

    def _send(self, message: Any) -> None:
        self._connection.send(Frame(encode(message)))

    def _choose_id(self, client_id: str | None) -> None:
        """Take a client id that the client chose; a bad one costs it the id, not the connection."""
        if client_id is None:
            return
        try:
            self._chosen_id = checked_client_id(client_id)
        except InvalidMessage as error:
            self.send_error(error, None)

    def _too_late(self) -> None:
        seconds = conf().AUTHENTICATION_TIMEOUT
        self._connection.goodbye(
            CloseCode.NO_AUTHENTICATION, f"Nobody authenticated within {seconds:g} seconds."
        )


def _is_ours(error: Exception) -> bool:
    """Tell whether the server failed, and not the client's message."""
    return wire_error(error)[0] is ErrorCode.INTERNAL
