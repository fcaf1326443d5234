"""What is said on one connection: who the client is, and an answer to each of its messages."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import math
from collections.abc import Coroutine
from typing import Any, Final

from django.utils import timezone

from realtime import auth, catchup, rights
from realtime.access import Access
from realtime.addresses import client_address, counted_as
from realtime.admission import Seat
from realtime.client_ids import checked_client_id, given_client_id
from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection, Identity, Names
from realtime.database import in_database
from realtime.encoding import timestamp
from realtime.errors import (
    EndsConnection,
    ErrorCode,
    Forbidden,
    InvalidMessage,
    Unauthenticated,
    wire_error,
)
from realtime.expiry import Expiry
from realtime.frames import Frame
from realtime.grants import Grant
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

IDENTIFY_TRIES: Final = 3
"""How often a client's rights are looked up before it is let in, while notices keep coming."""


class Conversation:
    """The protocol on one connection; its messages are answered one at a time.

    Nobody is a member of the relay, and so hears anything, before it has a user.
    """

    def __init__(self, scope: Any, connection: Connection, relay: Relay) -> None:
        self._scope = scope
        self._connection = connection
        self._relay = relay
        self._worker = Worker()
        self._expiry = Expiry(connection)
        self._access = Access(relay, connection, self._queue)
        self._chosen_id: str | None = None
        connection.address = client_address(scope)
        self._seat = Seat(counted_as(connection.address))
        self._deadline: asyncio.TimerHandle | None = None
        self._held: list[str] | None = None
        self._begun_anew: tuple[Names, Names] | None = None
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
        self._expiry.stop()
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
        grant = None
        if token is not None:
            grant = await in_database(auth.token_grant, token, self._scope)
        elif cookies_count:
            grant = await in_database(auth.session_grant, self._scope["headers"])
        if grant is not None:
            await self._admit(grant)
            await report(self._connection)
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
        self._connection.budget.check()
        request = checked_request(message, self._connection)
        job = functools.partial(self._answer_request, request)
        self._worker.ask(functools.partial(self._job, job, message.id))

    async def _answer_request(self, request: Request) -> None:
        await self._access.authorise(request.audiences)
        change = await self._access.made_up(request.start, self._held)
        if change:
            request = await self._make_up(change, request)
        await catchup.answer(self._relay, self._connection, request)
        if request.is_anew:
            self._begun_anew = (request.tables, request.audiences)

    async def _make_up(self, change: Difference, request: Request) -> Request:
        """Bring a client to its present rights that was away while they changed."""
        if not self._connection.knows_audiences:
            is_begun = self._begun_anew == (request.tables, request.audiences)
            return request if is_begun else dataclasses.replace(request, start=None, is_anew=True)
        self._held, self._connection.is_told = None, True
        self._access.tell(change)
        await catchup.gain(self._relay, self._connection, change.gained)
        return request

    async def _hello(self, message: Hello) -> None:
        """Answer `hello`; after the last await, so that no live event passes the holding."""
        cursor = None if message.cursor is None else Position.parse(message.cursor)
        if cursor is not None:
            self._connection.budget.check()
        known = self._connection.identity
        is_unnamed = self._chosen_id is None
        if is_unnamed:
            self._choose_id(message.client_id)
        is_news = describe(self._connection, message)
        device_token = await self._introduce(message)
        identity = self._connection.identity
        if known is not None and is_unnamed and self._chosen_id is not None:
            assert identity is not None, "who had a user has it still"
            self._become(await in_database(rights.identify, identity.grant, self._chosen_id))
        if identity is None:
            raise Unauthenticated("`hello` needs a token where there is no session.")
        await self._access.authorise(message.audiences)
        self._narrow(message)
        change = await self._access.made_up(cursor, message.held_audiences)
        self._welcome(message, change, device_token)
        self._relay.members_changed.set()
        if message.held_audiences is not None:
            self._held = message.held_audiences
        if cursor is not None:
            self._connection.acknowledged = message.cursor
            self._resume(cursor, change.gained, message.id)  # told only if this is not refused
            self._held, self._connection.is_told = None, True
        if is_news or known is None or message.token is not None:
            await report(self._connection)

    def _resume(
        self, cursor: Position, gained: frozenset[str], request_id: str | int | None
    ) -> None:
        idle = self._worker.is_idle
        job = functools.partial(catchup.resume, self._relay, self._connection, cursor, gained)
        self._worker.ask(functools.partial(self._job, job, request_id))
        if idle:  # else the catch-up that runs holds the connection for its own pages
            self._connection.hold()

    async def _introduce(self, message: Hello) -> str | None:
        """Go by the token or the pairing code of a message; returns the token a code was for."""
        if message.pairing_code is not None:
            return await self._pair(message, message.pairing_code)
        if message.token is not None:
            await self._authenticate(message.token)
        return None

    async def _authenticate(self, token: str) -> None:
        grant = await in_database(auth.token_grant, token, self._scope)
        identity = self._connection.identity
        if identity is None:
            await self._admit(grant)
            return
        if identity.user.pk != grant.user.pk:
            raise Forbidden("A connection cannot change its user. Open another one.")
        await self._access.switch(grant)

    async def _pair(self, message: Hello, code: str) -> str:
        if message.token is not None:
            raise InvalidMessage("Send a token or a pairing code, not both.")
        if self._connection.identity is not None:
            raise Forbidden("Who is connected already cannot pair. Open another connection.")
        address = self._connection.address
        counted = counted_as(address) or address
        grant, token = await in_database(auth.pairing_grant, code, counted)
        await self._admit(grant)
        return token

    async def _admit(self, grant: Grant) -> None:
        """Make the connection a user's: from here on it hears what the user may hear."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._seat.take(grant.user.pk)
        identity, is_doubtful = await self._identify(grant)
        # All at once, after the last await: with a user but unknown to the relay, the client
        # would be answered and yet hear nothing.
        self._become(identity)
        self._relay.join(self._connection)
        if is_doubtful:
            self._connection.fall_behind()
        if not identity.audiences:
            self._access.apply(identity, self._connection.ask())

    async def _identify(self, grant: Grant) -> tuple[Identity, bool]:
        """Return who is connected, and whether a notice that the relay has read since leaves a
        doubt: a user of whom there is always news is let in, and looked up again for each page."""
        tries = 0
        while True:
            look, tries = self._relay.looks, tries + 1
            identity = await in_database(
                self._seat.checked, rights.identify, grant, self._chosen_id
            )
            await self._relay.refresh()
            is_doubtful = self._relay.was_noticed(identity.user, look)
            if not is_doubtful or tries == IDENTIFY_TRIES:
                return identity, is_doubtful
            grant = await in_database(grant.renew)

    def _become(self, identity: Identity) -> None:
        if self._chosen_id not in (None, identity.client_id):
            self.send_error(Forbidden("The client id is not yours; another one was given."), None)
        if self._connection.identity is None:
            self._connection.audiences = identity.audiences
        self._connection.identity = identity
        self._connection.confirmed_at = asyncio.get_running_loop().time()
        self._connection.on_identity()
        self._relay.members_changed.set()

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
