"""What is kept of one connection."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from realtime.addresses import counted_as
from realtime.watching import HISTORY
from sync.cursor import Position

if TYPE_CHECKING:
    from realtime.connection import Connection
    from realtime.relay import Relay


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of one connection."""

    relay: uuid.UUID
    client_id: str
    user_id: str
    device_id: int | None
    address: str
    network: str
    app_version: str
    platform: str
    connected_at: datetime.datetime
    acknowledged: str
    behind: bool
    joined: str = ""
    """The cursor of where the log ended when the client came."""
    stopped: str = ""
    """The cursor up to which it was served, where that is not as far as its relay has come."""
    caught_up: bool = False
    """Whether everything before has been sent as well."""
    tables: tuple[str, ...] | None = None
    asked: tuple[str, ...] | None = None
    """The audiences that the client chose of those it may hear; None for all."""
    granted: tuple[str, ...] | None = None
    """The audiences that the credential is good for; None for all."""

    @classmethod
    def of(cls, relay: Relay, connection: Connection) -> Seen | None:
        """Return what there is to keep of a connection; None before it has a user."""
        identity = connection.identity
        if identity is None:
            return None
        return cls(
            relay=relay.id,
            client_id=identity.client_id,
            user_id=str(identity.user.pk),
            device_id=identity.grant.device_id,
            address=connection.address,
            network=counted_as(connection.address) or "",
            app_version=connection.app_version,
            platform=connection.platform,
            connected_at=connection.connected_at,
            acknowledged=connection.acknowledged or "",
            behind=connection.behind,
            joined=_cursor(connection.joined),
            stopped=_cursor(connection.position) if connection.is_stopped else "",
            caught_up=connection.caught_up,
            tables=_sorted(connection.tables),
            asked=_sorted(connection.asked),
            granted=_sorted(identity.grant.audiences),
        )

    @property
    def watches(self) -> bool:
        """Whether it is a page that watches the history: no client that holds anything."""
        return self.asked is not None and list(self.asked) == [HISTORY]

    def is_somebody_else(self, other: Seen) -> bool:
        """Tell whether this is more than the same client having come further."""
        return _lasting(self) != _lasting(other)


_PROGRESS: Final = frozenset({"acknowledged", "behind", "stopped", "caught_up"})
_lasting: Final = attrgetter(
    *(field.name for field in dataclasses.fields(Seen) if field.name not in _PROGRESS)
)
"""All that does not change while the same client comes further; whenever somebody comes, it is
compared for all who are there."""


def _cursor(position: Position | None) -> str:
    return "" if position is None else position.cursor


def _sorted(names: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))
