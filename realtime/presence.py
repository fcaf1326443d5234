"""Who is connected, across processes: a row per connection, confirmed by its relay."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
import uuid
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from realtime.conf import conf
from realtime.database import in_database

if TYPE_CHECKING:
    from realtime.connection import Connection
    from realtime.relay import Relay

logger = logging.getLogger(__name__)

FORGET_AFTER: Final = 5
"""Rows of dead processes are removed after so many `PRESENCE_TIMEOUT`s."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """An open connection of any process."""

    client_id: str
    user_id: str
    address: str
    connected_at: datetime.datetime
    relay: uuid.UUID


def connections() -> list[ConnectionInfo]:
    """Return the open connections of all processes, oldest first.

    Those of a killed process are counted for up to `PRESENCE_TIMEOUT` seconds.
    """
    from realtime.models import Presence

    rows = Presence.objects.filter(seen_at__gte=_alive_since()).order_by("connected_at")
    names = [field.name for field in dataclasses.fields(ConnectionInfo)]
    return [ConnectionInfo(*row) for row in rows.values_list(*names)]


def client_count() -> int:
    """Return how many different clients are connected to all processes."""
    from realtime.models import Presence

    alive = Presence.objects.filter(seen_at__gte=_alive_since())
    return alive.values("client_id").distinct().count()


async def keep(relay: Relay) -> None:
    """Confirm the relay's connections for as long as it lives: one statement per interval."""
    while True:
        await asyncio.sleep(conf().PRESENCE_INTERVAL)
        try:
            await in_database(_confirm, relay.id, {one.id for one in relay.connections})
        except Exception as error:
            logger.warning("Presence could not be confirmed: %s", error)


async def enter(relay: Relay, connection: Connection, address: str) -> None:
    """Make a connection known; failing to is no reason to refuse it."""
    try:
        await in_database(_enter, relay.id, connection, address)
    except Exception as error:
        logger.warning("Presence could not be stored: %s", error)


async def leave(connection: Connection) -> None:
    """Forget a connection."""
    try:
        await in_database(_leave, connection.id)
    except Exception as error:
        logger.warning("Presence could not be removed: %s", error)


def leave_all(relay_id: uuid.UUID) -> None:
    """Forget every connection of a relay that stops."""
    from realtime.models import Presence

    Presence.objects.filter(relay=relay_id).delete()


def _alive_since() -> datetime.datetime:
    return timezone.now() - datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT)


def _enter(relay_id: uuid.UUID, connection: Connection, address: str) -> None:
    from realtime.models import Presence

    identity = connection.identity
    assert identity is not None, "presence is for connections that have a user"
    Presence.objects.create(
        id=connection.id,
        relay=relay_id,
        client_id=identity.client_id,
        user_id=str(identity.user.pk),
        address=address,
    )


def _leave(connection_id: uuid.UUID) -> None:
    from realtime.models import Presence

    Presence.objects.filter(pk=connection_id).delete()


def _confirm(relay_id: uuid.UUID, present: set[uuid.UUID]) -> None:
    from realtime.models import Presence

    now = timezone.now()
    own = Presence.objects.filter(relay=relay_id)
    for gone in set(own.values_list("pk", flat=True)) - present:
        Presence.objects.filter(pk=gone).delete()
    own.update(seen_at=now)
    forgotten = datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT * FORGET_AFTER)
    Presence.objects.filter(seen_at__lt=now - forgotten).delete()
