"""Close codes. 1000 and 1001 are RFC 6455's (section 7.4.1); of the private range, 4000-4499 ask
the client to come back and 4500-4999 tell it not to."""

from __future__ import annotations

import enum


class CloseCode(enum.IntEnum):
    """Why the server closes a connection."""

    NORMAL = 1000
    GOING_AWAY = 1001
    RESTARTING = 4000
    SLOW = 4001
    TOKEN_EXPIRED = 4003
    BUSY = 4005
    NO_AUTHENTICATION = 4006
    DISCONNECTED = 4007
    BAD_TOKEN = 4501
    REVOKED = 4503
    TOO_MANY_CONNECTIONS = 4504

    @property
    def reconnect(self) -> bool:
        """Whether the client should come back."""
        return self < 4500
