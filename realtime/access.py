"""What one connection hears, kept true to its user's rights for as long as it is open."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from realtime import catchup, confirming
from realtime.connection import Connection, Identity
from realtime.encoding import timestamp
from realtime.errors import EndsConnection, Forbidden, Revoked
from realtime.frames import Frame
from realtime.grants import Grant
from realtime.messages import Audiences, encode
from realtime.relay import Relay
from realtime.requests import NOT_YOURS, Start
from realtime.rights_history import Difference, differences
from realtime.together import together

Job = Callable[[], Any]


class Access:
    """The rights of one connection, and what follows from a change of them.

    What was lost is not heard any more from the moment it is known, whatever is on its way. What
    was gained is heard once everything before has been sent. Used on the connection's event loop.
    """

    def __init__(self, relay: Relay, connection: Connection, queue: Callable[[Job], None]) -> None:
        self._relay = relay
        self._connection = connection
        self._queue = queue
        self._answered = 0
        connection.confirm = confirming.confirm
        connection.on_confirmed = self.apply

    def apply(self, confirmed: Identity | EndsConnection, question: int) -> None:
        """Let the connection hear what its user may hear now, unless a newer question was answered.

        Where that is nothing, it hears nothing more, is closed, and what ended it is raised.
        """
        if question < self._answered:
            return
        if isinstance(confirmed, EndsConnection):
            self._end(confirmed)
        self._answered = question
        connection = self._connection
        connection.be_sure(question)
        connection.identity = confirmed
        connection.confirmed_at = asyncio.get_running_loop().time()
        connection.on_identity()
        if not confirmed.audiences:
            self._end(Revoked("There is nothing left that you may hear."))
        permitted = confirmed.audiences
        if connection.asked is not None:
            permitted &= connection.asked
        before = connection.permitted
        self._change(Difference(before - permitted, permitted - before))

    async def confirm(self) -> None:
        """Look the rights up now."""
        identity = self._connection.identity
        assert identity is not None, "only who has a user has rights"
        question = self._connection.ask()
        self.apply(await self._connection.confirm(identity), question)

    async def switch(self, grant: Grant) -> None:
        """Go on with another credential of the same user.

        What is still found out about the former one does not count any more.
        """
        connection = self._connection
        assert connection.identity is not None, "only who has a user can bring another token"
        connection.identity = dataclasses.replace(connection.identity, grant=grant)
        connection.confirmed_at = 0.0  # due at once, should the next line fail
        question = self._answered = connection.ask()
        self.apply(await connection.confirm(connection.identity), question)

    async def authorise(self, asked: Iterable[str] | None) -> None:
        """Raise `Forbidden` unless all asked audiences may be heard; rights that were gained just
        now count. It is the same for audiences that do not exist."""
        if asked is None or self._connection.permitted.issuperset(asked):
            return
        await self.confirm()
        if not self._connection.permitted.issuperset(asked):
            raise Forbidden(NOT_YOURS)

    async def made_up(self, start: Start, held: Iterable[str] | None = None) -> Difference:
        """Return how the rights differ from those of a client that stopped at `start`: from what it
        says it holds, else from what its user held then. Nothing, once the client was told."""
        connection = self._connection
        permitted = connection.permitted
        if held is not None:
            return Difference.between(frozenset(held), permitted)
        if connection.is_told or start is None or connection.identity is None:
            return Difference()
        asked = (connection.identity.user, permitted, start)
        found = await together(differences, asked, lambda: not connection.transport.is_closing)
        if connection.permitted != permitted:  # what was gained meanwhile must not be forgotten
            return await self.made_up(start, held)
        return found

    def _change(self, change: Difference) -> None:
        if not change:
            return
        connection = self._connection
        connection.audiences -= change.lost
        connection.gaining = connection.gaining - change.lost | change.gained
        self._relay.members_changed.set()
        if connection.knows_audiences:
            self.tell(change)
        else:
            connection.is_outdated = True
        self.settle()

    def owe(self, gained: frozenset[str]) -> None:
        """Send from zero on what the client is told to forget although it may hear it, also where
        some of it is on its way: the rest of that would pass for the whole."""
        if gained:
            self._connection.audiences -= gained
            self._connection.gaining |= gained

    def start_anew(self) -> None:
        """Have the client sent all that it may hear, to replace what it holds."""
        self._connection.is_outdated = True
        self.settle()

    def settle(self) -> None:
        """Queue what the client has yet to be sent for changes of its rights, if there is any."""
        if self._connection.is_due:
            self._queue(functools.partial(catchup.settle, self._relay, self._connection))

    def _end(self, error: EndsConnection) -> NoReturn:
        connection = self._connection
        connection.audiences = connection.gaining = frozenset()
        connection.goodbye(error.close_code, str(error))
        raise error

    def tell(self, change: Difference) -> None:
        """Tell the client what it may hear now, and what it has to forget."""
        message = Audiences(
            audiences=sorted(self._connection.permitted),
            gained=sorted(change.gained),
            lost=sorted(change.lost),
            timestamp=timestamp(None),
        )
        self._connection.send(Frame(encode(message)))
