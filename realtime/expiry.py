"""The end of a credential's time: its client is warned, then sent away to come back with another.

A clock that is set while a credential lasts makes this late or early; the periodic look at every
connection's rights does not go by it.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from realtime.conf import conf
from realtime.connection import Connection
from realtime.encoding import timestamp
from realtime.frames import Frame
from realtime.grants import expired
from realtime.messages import TokenExpiring, encode

CallLater = Callable[[float, Callable[[], None]], Any]


class Expiry:
    """The timer of one connection. Used on its event loop."""

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], datetime.datetime] = timezone.now,
        call_later: CallLater | None = None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._call_later = call_later
        self._timer: Any = None
        self._warned_of: datetime.datetime | None = None
        connection.on_identity = self.follow

    def follow(self) -> None:
        """Go by what the connection has been granted now."""
        self.stop()
        expires_at = self._expires_at
        if expires_at is None or self._connection.transport.is_closing:
            return
        left = expires_at - self._clock()
        if left <= datetime.timedelta():
            self._end()
            return
        warning = datetime.timedelta(seconds=conf().TOKEN_WARNING)
        if self._warned_of != expires_at and warning:
            if left <= warning:
                self._warn(expires_at)
            else:
                left -= warning
        call_later = self._call_later or asyncio.get_running_loop().call_later
        self._timer = call_later(left.total_seconds(), self.follow)

    def stop(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _expires_at(self) -> datetime.datetime | None:
        identity = self._connection.identity
        return None if identity is None else identity.grant.expires_at

    def _warn(self, expires_at: datetime.datetime) -> None:
        self._warned_of = expires_at
        message = TokenExpiring(expires_at=timestamp(expires_at), timestamp=timestamp(None))
        self._connection.send(Frame(encode(message)))

    def _end(self) -> None:
        connection, error = self._connection, expired()
        connection.audiences = connection.gaining = frozenset()
        connection.goodbye(error.close_code, str(error))
