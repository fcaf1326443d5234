"""What is kept of one connection."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import TYPE_CHECKING

from realtime.addresses import counted_as

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
        )

    def is_somebody_else(self, other: Seen) -> bool:
        """Tell whether this is more than the same client having come further."""
        here = dataclasses.replace(self, acknowledged="", behind=False)
        return here != dataclasses.replace(other, acknowledged="", behind=False)
