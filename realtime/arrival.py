"""Who is at the other end: found from the handshake or `hello`, let in, and given a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from realtime import auth, introducing, rights, watching
from realtime.access import Access
from realtime.addresses import client_address, counted_as
from realtime.admission import Seat, arriving
from realtime.client_ids import checked_client_id, given_client_id
from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection, Identity
from realtime.database import in_database
from realtime.errors import Forbidden, InvalidMessage
from realtime.expiry import Expiry
from realtime.grants import Grant, renewed_all
from realtime.messages import Hello
from realtime.relay import Relay
from realtime.sightings import report
from realtime.together import together

IDENTIFY_TRIES: Final = 3
"""How often a client's rights are looked up before it is let in, while notices keep coming."""


class Arrival:
    """How one connection gets its user, in time and within the limits, or is sent away."""

    def __init__(
        self,
        scope: Any,
        relay: Relay,
        connection: Connection,
        access: Access,
        tell: Callable[[Exception], None],
    ) -> None:
        self._scope = scope
        self._relay = relay
        self._connection = connection
        self._access = access
        self._tell = tell
        self._expiry = Expiry(connection)
        self._chosen_id: str | None = None
        self._watches = watching.is_asked_for(scope)
        if self._watches:
            connection.watch()
        connection.address = client_address(scope)
        self._seat = Seat(counted_as(connection.address))
        self._deadline: asyncio.TimerHandle | None = None

    async def begin(self, *, cookies_count: bool) -> None:
        """Let in who the handshake names, else wait for `hello` as long as is allowed."""
        self._seat.arrive()
        self._choose_id(given_client_id(self._scope))
        token = auth.bearer_token(self._scope["headers"])
        if token is not None or cookies_count:
            with arriving:
                look = await self._looked()
                grant = await self._named(token)
                if grant is not None:
                    await self._admit(grant, look)
            if grant is not None:
                await report(self._connection)
                return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(conf().AUTHENTICATION_TIMEOUT, self._too_late)

    async def introduce(self, message: Hello) -> str | None:
        """Go by what `hello` says of the client: its id, its token or its pairing code; return the
        token that a code was for."""
        known = self._connection.identity
        is_unnamed = self._chosen_id is None
        if is_unnamed:
            self._choose_id(message.client_id)
        with arriving:
            device_token = await self._show(message)
        identity = self._connection.identity
        if known is not None and is_unnamed and self._chosen_id is not None:
            assert identity is not None, "who had a user has it still"
            asked = (identity.grant, self._chosen_id)
            self._become(await together(rights.identify_all, asked, self._is_there))
        return device_token

    def stop(self) -> None:
        """Stop all that was begun for the client."""
        self._be_in_time()
        self._seat.leave()
        self._expiry.stop()

    async def _show(self, message: Hello) -> str | None:
        if message.pairing_code is not None:
            return await self._pair(message, message.pairing_code)
        if message.token is not None:
            await self._authenticate(message.token)
        return None

    async def _authenticate(self, token: str) -> None:
        look = await self._looked()
        grant = await self._grant_of(token)
        identity = self._connection.identity
        if identity is None:
            await self._admit(grant, look)
            return
        if identity.user.pk != grant.user.pk:
            raise Forbidden("A connection cannot change its user. Open another one.")
        await self._access.switch(self._allowed(grant))

    async def _named(self, token: str | None) -> Grant | None:
        """Return what the handshake grants: by its token, else by its cookies."""
        if token is not None:
            return await self._grant_of(token)
        return await in_database(auth.session_grant, self._scope["headers"])

    async def _grant_of(self, token: str) -> Grant:
        """Return what a token grants; the host is asked about its own alone, for nobody knows how
        long that takes."""
        asked = (token, self._scope)
        if not auth.is_hosts(token):
            return await together(auth.token_grants, asked, self._is_there)
        (found,) = await in_database(auth.token_grants, [asked])
        if isinstance(found, Exception):
            raise found
        return found

    async def _pair(self, message: Hello, code: str) -> str:
        if message.token is not None:
            raise InvalidMessage("Send a token or a pairing code, not both.")
        if self._connection.identity is not None:
            raise Forbidden("Who is connected already cannot pair. Open another connection.")
        address = self._connection.address
        counted = counted_as(address) or address
        look = await self._looked()
        grant, token = await in_database(auth.pairing_grant, code, counted)
        await self._admit(grant, look)
        return token

    async def _admit(self, grant: Grant, look: int) -> None:
        """Make the connection a user's: from here on it hears what the user may hear."""
        self._be_in_time()
        self._seat.take(grant.user.pk)
        identity, is_doubtful = await self._identify(self._allowed(grant), look)
        # All at once, after the last await: with a user but unknown to the relay, the client
        # would be answered and yet hear nothing.
        self._become(identity)
        self._relay.join(self._connection)
        if is_doubtful:
            self._connection.doubt()
        if not identity.audiences:
            self._access.apply(identity, self._connection.ask())

    async def _renewed(self, grant: Grant) -> Grant:
        """Look at a credential again, with those of others where its kind can be."""
        if hasattr(grant.renew, "together"):
            return await together(renewed_all, grant, self._is_there)
        return await in_database(grant.renew)

    async def _looked(self) -> int:
        """Return the number of the relay's last look, once there was one.

        The first reads no notices: whose credential was checked before it would have to be looked
        up twice, and after a restart that is everybody.
        """
        if not self._relay.looks:
            await self._relay.refresh()
        return self._relay.looks

    def _allowed(self, grant: Grant) -> Grant:
        """Return what a credential grants this connection."""
        return watching.to_watch(grant) if self._watches else grant

    async def _identify(self, grant: Grant, look: int) -> tuple[Identity, bool]:
        """Return who is connected, and whether a notice that the relay has read since leaves a
        doubt: a user of whom there is always news is let in, and looked up again for each page.

        `look` is the relay's last one before the credential was checked.
        """
        tries = 0
        while True:
            tries += 1
            newcomer = introducing.Newcomer(self._seat, grant, self._chosen_id)
            identity = await together(introducing.introduce_all, newcomer, self._is_there)
            await self._relay.refresh()
            is_doubtful = self._relay.was_noticed(identity.user, look)
            if not is_doubtful or tries == IDENTIFY_TRIES:
                return identity, is_doubtful
            look = self._relay.looks
            grant = await self._renewed(grant)

    def _become(self, identity: Identity) -> None:
        if self._chosen_id not in (None, identity.client_id):
            self._tell(Forbidden("The client id is not yours; another one was given."))
        if self._connection.identity is None:
            self._connection.audiences = identity.audiences
        self._connection.identity = identity
        self._connection.confirmed_at = asyncio.get_running_loop().time()
        self._connection.on_identity()
        self._relay.members_changed.set()

    def _choose_id(self, client_id: str | None) -> None:
        """Take a client id that the client chose; a bad one costs it the id, not the connection."""
        if client_id is None:
            return
        try:
            self._chosen_id = checked_client_id(client_id)
        except InvalidMessage as error:
            self._tell(error)

    def _is_there(self) -> bool:
        return not self._connection.transport.is_closing

    def _be_in_time(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()

    def _too_late(self) -> None:
        seconds = conf().AUTHENTICATION_TIMEOUT
        self._connection.goodbye(
            CloseCode.NO_AUTHENTICATION, f"Nobody authenticated within {seconds:g} seconds."
        )
