"""What is said on one connection: who the client is, and an answer to each of its messages."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
from collections.abc import Coroutine
from typing import Any

from django.utils import timezone

from realtime import catchup
from realtime.access import Access
from realtime.arrival import Arrival
from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection, Names
from realtime.encoding import timestamp
from realtime.errors import (
    EndsConnection,
    ErrorCode,
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
from realtime.requests import Request, checked_request, narrowed
from realtime.rights_history import Difference
from realtime.sightings import describe, report
from realtime.worker import Worker
from sync.conf import conf as sync_conf
from sync.cursor import Position

logger = logging.getLogger(__name__)


class Conversation:
    """The protocol on one connection; its messages are answered one at a time.

    Nobody is a member of the relay, and so hears anything, before it has a user.
    """

    def __init__(self, scope: Any, connection: Connection, relay: Relay) -> None:
        self._connection = connection
        self._relay = relay
        self._worker = Worker()
        self._access = Access(relay, connection, self._queue)
        self._arrival = Arrival(scope, relay, connection, self._access, self._tell)
        self._begun_anew: tuple[Names, Names] | None = None
        connection.on_behind = self._fell_behind
        connection.on_resync = self._access.start_anew

    async def begin(self, *, cookies_count: bool) -> None:
        """Find out who came from what the handshake carried, else wait for `hello`."""
        await self._safely(self._arrival.begin(cookies_count=cookies_count), None)

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
        self._arrival.stop()
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

    async def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Hello):
            await self._hello(message)
            return
        if self._connection.identity is None:
            raise Unauthenticated("Say who you are first: send `hello` with a token.")
        if isinstance(message, Ping):
            self._ping(message)
            return
        self._connection.budget.check()
        request = checked_request(message, self._connection)
        job = functools.partial(self._answer_request, request)
        self._worker.ask(functools.partial(self._job, job, message.id))

    async def _answer_request(self, request: Request) -> None:
        await self._access.authorise(request.audiences)
        change = await self._access.made_up(request.start)
        if change:
            request = self._make_up(change, request)
        await catchup.answer(self._relay, self._connection, request)
        if request.is_anew:
            self._begun_anew = (request.tables, request.audiences)

    def _make_up(self, change: Difference, request: Request) -> Request:
        """Bring a client to its present rights that was away while they changed."""
        if not self._connection.knows_audiences:
            is_begun = self._begun_anew == (request.tables, request.audiences)
            return request if is_begun else dataclasses.replace(request, start=None, is_anew=True)
        self._connection.is_told = True
        self._access.tell(change)
        self._access.owe(change.gained)
        return request

    async def _hello(self, message: Hello) -> None:
        """Answer `hello`; after the last await, so that no live event passes the holding."""
        cursor = None if message.cursor is None else Position.parse(message.cursor)
        if cursor is not None:
            self._connection.budget.check()
            self._worker.check()  # before the welcome: one message has one answer
        known = self._connection.identity
        is_news = describe(self._connection, message)
        device_token = await self._arrival.introduce(message)
        if self._connection.identity is None:
            raise Unauthenticated("`hello` needs a token where there is no session.")
        await self._access.authorise(message.audiences)
        self._narrow(message)
        change = await self._access.made_up(cursor, message.held_audiences)
        self._access.owe(change.gained)
        self._welcome(message, change, device_token)
        self._relay.members_changed.set()
        if cursor is not None or message.held_audiences is not None:
            self._connection.is_told = True
        if cursor is not None:
            self._connection.acknowledged = message.cursor
            self._resume(cursor, message.id)
        elif self._connection.caught_up or not self._worker.is_idle:
            self._access.settle()  # else what the client asks for comes after it
        if is_news or known is None or message.token is not None:
            await report(self._connection)

    def _resume(self, cursor: Position, request_id: str | int | None) -> None:
        idle = self._worker.is_idle
        job = functools.partial(catchup.resume, self._relay, self._connection, cursor)
        self._worker.queue(functools.partial(self._job, job, request_id))
        if idle:  # else the catch-up that runs holds the connection for its own pages
            self._connection.hold()

    def _narrow(self, message: Hello) -> None:
        """Hear less from now on; what was left out cannot be had back on this connection."""
        connection = self._connection
        connection.tables = narrowed(message.tables, connection.tables)
        asked = narrowed(message.audiences, connection.asked)
        if asked is not None:
            connection.audiences &= asked
            connection.gaining &= asked
        connection.asked = asked
        connection.batch = message.batch
        connection.knows_audiences = True

    def _welcome(self, message: Hello, change: Difference, device_token: str | None) -> None:
        identity, position = self._connection.identity, self._connection.position
        assert identity is not None and position is not None, "only members are welcomed"
        expires_at = identity.grant.expires_at
        limits = Limits(
            message_bytes=conf().MAX_MESSAGE_BYTES,
            page_changes=sync_conf().PAGE_LIMIT,
            page_bytes=sync_conf().PAGE_BYTES,
        )
        self._send(
            Welcome(
                client_id=identity.client_id,
                epoch=position.epoch,
                audiences=sorted(self._connection.permitted),
                lost=given(sorted(change.lost) or None),
                token_expires_at=given(expires_at and timestamp(expires_at)),
                device_token=given(device_token),
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
        except EndsConnection as error:
            self._connection.goodbye(error.close_code, str(error), error.retry_after)
        except Exception as error:
            self.send_error(error, request_id)
            if self._connection.identity is None and _is_ours(error):
                # Unknown to the relay it would wait for ever: let the client try again.
                self._connection.goodbye(CloseCode.RESTARTING, "The server is not ready.", 1.0)

    async def _job(self, job: Any, request_id: Any) -> None:
        await self._safely(job(), request_id)

    def _fell_behind(self) -> None:
        job = functools.partial(catchup.drain, self._relay, self._connection)
        self._queue(job)

    def _queue(self, job: Any) -> None:
        """Do what the hub itself has to, after what the client asked for before."""
        self._worker.queue(functools.partial(self._job, job, None))

    def _tell(self, error: Exception) -> None:
        self.send_error(error, None)

    def _send(self, message: Any) -> None:
        self._connection.send(Frame(encode(message)))


def _is_ours(error: Exception) -> bool:
    """Tell whether the server failed, and not the client's message."""
    return wire_error(error)[0] is ErrorCode.INTERNAL
