"""Who is connected, across processes: a row per connection, confirmed by its relay."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone

from realtime.conf import conf
from realtime.database import in_database

if TYPE_CHECKING:
    from realtime.connection import Connection
    from realtime.relay import Relay

logger = logging.getLogger(__name__)

CHUNK: Final = 500
"""Rows removed by one statement."""

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
    """Keep the relay's rows equal to its connections, for as long as it lives.

    One transaction stands for all that came and went meanwhile, so that a storm of reconnects
    costs no write per connection at a time.
    """
    stored: dict[uuid.UUID, ConnectionInfo] = {}
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(conf().PRESENCE_INTERVAL):
                    await relay.members_changed.wait()
            relay.members_changed.clear()
            stored = await _keep_once(relay, stored)
    finally:
        await _safely(leave_all, relay.id)


async def _keep_once(
    relay: Relay, stored: dict[uuid.UUID, ConnectionInfo]
) -> dict[uuid.UUID, ConnectionInfo]:
    present = {one.id: info for one in relay.connections if (info := _info(relay, one))}
    if await _safely(_store, relay.id, stored, present):
        return present
    relay.members_changed.set()
    await asyncio.sleep(conf().TICK)
    return stored


async def _safely(write: Callable[..., None], *args: Any) -> bool:
    """Store what changed; presence that cannot be stored is no reason to end anything."""
    writing = asyncio.ensure_future(in_database(write, *args))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        # Its thread goes on: what it writes after the rows were removed would stay.
        await asyncio.wait([writing])
        raise
    except Exception as error:
        logger.warning("Presence could not be stored: %s", error)
        return False
    return True


def leave_all(relay_id: uuid.UUID) -> None:
    """Forget every connection of a relay that stops."""
    from realtime.models import Presence

    Presence.objects.filter(relay=relay_id).delete()


def _alive_since() -> datetime.datetime:
    return timezone.now() - datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT)


def _info(relay: Relay, connection: Connection) -> ConnectionInfo | None:
    identity = connection.identity
    if identity is None:
        return None
    return ConnectionInfo(
        client_id=identity.client_id,
        user_id=str(identity.user.pk),
        address=connection.address,
        connected_at=connection.connected_at,
        relay=relay.id,
    )


def _store(
    relay_id: uuid.UUID,
    stored: dict[uuid.UUID, ConnectionInfo],
    present: dict[uuid.UUID, ConnectionInfo],
) -> None:
    from realtime.models import Presence

    changed = {key for key, info in present.items() if stored.get(key) != info}
    outdated = [key for key in stored if key in changed or key not in present]
    now = timezone.now()
    with transaction.atomic():
        for start in range(0, len(outdated), CHUNK):
            Presence.objects.filter(pk__in=outdated[start : start + CHUNK]).delete()
        rows = [Presence(id=key, **dataclasses.asdict(present[key])) for key in changed]
        Presence.objects.bulk_create(rows)
        Presence.objects.filter(relay=relay_id).update(seen_at=now)
        forgotten = datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT * FORGET_AFTER)
        Presence.objects.filter(seen_at__lt=now - forgotten).delete()
