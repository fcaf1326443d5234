"""Keeping the rows of presence equal to the connections of a relay, for little writing.

Who came and who went is written at once, one transaction for all of them, so that a storm of
reconnects costs no write per connection at a time. That they are still there, and how far each has
come, is written once per `PRESENCE_INTERVAL`, and only where it changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router, transaction
from django.utils import timezone

from realtime import departures, device_presence
from realtime.conf import conf
from realtime.database import in_database
from realtime.departures import Departure
from realtime.device_presence import Devices
from realtime.seen import Seen

if TYPE_CHECKING:
    from realtime.relay import Relay

logger = logging.getLogger(__name__)

CHUNK: Final = 1000
"""Rows written or removed by one statement, where the database takes as many."""

SLICE: Final = 250
"""Connections that are looked at before the event loop may do something else."""

REST: Final = 10
"""Times as long as a look at all connections took, until the next: while everybody comes, each
would find a few more, and thousands of connections take a while to look at."""

FORGET_AFTER: Final = 5
"""Rows of dead processes are removed after so many `PRESENCE_TIMEOUT`s."""

FORGET_CLIENTS_EVERY: Final = 3600.0
"""Seconds after which a relay looks for clients that have not come for too long."""

Rows = Mapping[uuid.UUID, Seen]


async def keep(relay: Relay) -> None:
    """Keep the relay's rows equal to its connections, for as long as it lives."""
    loop = asyncio.get_running_loop()
    stored: Rows = {}
    devices = Devices()
    confirmed_at = loop.time()
    forgotten_at = -math.inf
    try:
        while True:
            is_due = await _wait(relay, confirmed_at + conf().PRESENCE_INTERVAL)
            after, rested_at = await _keep_once(relay, stored, is_due)
            if after is None:
                relay.members_changed.set()
                await asyncio.sleep(conf().TICK)
                continue
            stored = after
            await asyncio.sleep(rested_at - loop.time())
            if is_due:
                await _keep_devices(devices, stored)
                confirmed_at = loop.time()
                if confirmed_at - forgotten_at >= FORGET_CLIENTS_EVERY:
                    await _safely(departures.forget_old)
                    forgotten_at = confirmed_at
    finally:
        await _safely(leave_all, relay.id, relay.departures.waiting())


async def _wait(relay: Relay, due: float) -> bool:
    """Wait until somebody comes or goes, or all are to be confirmed; tell whether they are."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(due):
            await relay.members_changed.wait()
    relay.members_changed.clear()
    return asyncio.get_running_loop().time() >= due


async def _look(relay: Relay) -> Rows:
    """Return what there is to keep of each connection. One that ends meanwhile is found among the
    departures as well, and not found by the next look."""
    present: dict[uuid.UUID, Seen] = {}
    for number, connection in enumerate(list(relay.connections), 1):
        seen = Seen.of(relay, connection)
        if seen is not None:
            present[connection.id] = seen
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return present


async def _keep_once(relay: Relay, stored: Rows, is_due: bool) -> tuple[Rows | None, float]:
    """Store what there is to store; return what is stored then, or None where that failed, and when
    it is time to look again."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    present = await _look(relay)
    rested_at = loop.time() + REST * (loop.time() - began)
    write = _to_write(stored, present, everything=is_due)
    gone, left = stored.keys() - present.keys(), relay.departures.waiting()
    reached = "" if relay.position is None else relay.position.cursor
    if not await _safely(_store_all, left, relay.id, write, gone, is_due, reached):
        return None, rested_at
    relay.departures.stored(left)
    return {key: write.get(key) or stored[key] for key in present}, rested_at


async def _keep_devices(devices: Devices, stored: Rows) -> None:
    news = devices.news(stored.values())
    if await _safely(device_presence.store, news):
        devices.wrote(news)


def leave_all(relay_id: uuid.UUID, left: Sequence[Departure] = ()) -> None:
    """Forget every connection of a relay that stops, but not how far those came that have left."""
    from realtime.models import Presence

    departures.store(left)
    Presence.objects.filter(relay=relay_id).delete()


def _to_write(stored: Rows, present: Rows, *, everything: bool) -> Rows:
    return {
        key: seen
        for key, seen in present.items()
        if (known := stored.get(key)) is None
        or (known != seen and (everything or seen.is_somebody_else(known)))
    }


async def _safely(write: Callable[..., None], *args: Any) -> bool:
    """Store what changed; presence that cannot be stored is no reason to end anything."""
    writing = asyncio.ensure_future(in_database(write, *args))
    writing.add_done_callback(_tell_of_failure)  # also where nobody waits for it any more
    try:
        await asyncio.wait([writing])
    except asyncio.CancelledError:
        # Its thread goes on: what it writes after the rows were removed would stay.
        await asyncio.wait([writing])
        raise
    return writing.exception() is None


def _tell_of_failure(writing: asyncio.Future[None]) -> None:
    error = None if writing.cancelled() else writing.exception()
    if error is not None:
        logger.warning("Presence could not be stored: %s", error)


def _store_all(left: Sequence[Departure], *presence: Any) -> None:
    """Write who has left, and then who is there: so each client is always to be found in one of
    the two."""
    departures.store(left)
    _store(*presence)


def _store(
    relay_id: uuid.UUID, write: Rows, gone: set[uuid.UUID], confirm: bool, reached: str
) -> None:
    from realtime.models import Presence

    removed = list(gone)
    with transaction.atomic(using=router.db_for_write(Presence)):
        for start in range(0, len(removed), CHUNK):
            Presence.objects.filter(pk__in=removed[start : start + CHUNK]).delete()
        _upsert(write, reached)
        if confirm:
            _confirm(relay_id, reached)


def _upsert(rows: Rows, reached: str) -> None:
    """Write rows in few statements; MariaDB and MySQL name no columns for what conflicts."""
    from realtime.models import Presence

    features = connections[router.db_for_write(Presence)].features
    Presence.objects.bulk_create(
        [
            Presence(id=key, reached=reached, **dataclasses.asdict(seen))
            for key, seen in rows.items()
        ],
        batch_size=CHUNK,
        update_conflicts=True,
        update_fields=[*(field.name for field in dataclasses.fields(Seen)), "reached", "seen_at"],
        unique_fields=["id"] if features.supports_update_conflicts_with_target else None,
    )


def _confirm(relay_id: uuid.UUID, reached: str) -> None:
    """Say that the relay's connections are still there, and how far they have been served."""
    from realtime.models import Presence

    now = timezone.now()
    Presence.objects.filter(relay=relay_id).update(seen_at=now, reached=reached)
    _forget_dead(now)


def _forget_dead(now: datetime.datetime) -> None:
    """Remove the rows of processes that have been silent for long, but not how far they came."""
    from realtime.models import Presence

    forgotten = datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT * FORGET_AFTER)
    dead = Presence.objects.filter(seen_at__lt=now - forgotten)
    while rows := list(dead[:CHUNK]):
        departures.store([Departure.of_row(row) for row in rows])
        dead.filter(pk__in=[row.pk for row in rows]).delete()
