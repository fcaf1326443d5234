"""What clients say of themselves, and what is kept of it with their device."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, router, transaction
from django.utils import timezone

from realtime.connection import Connection
from realtime.messages import Hello
from realtime.together import together

if TYPE_CHECKING:
    from realtime.models import Device

logger = logging.getLogger(__name__)

RESOLUTION: Final = datetime.timedelta(minutes=1)
"""How exact `last_seen_at` is: a reconnect storm writes each device once."""

_SAID: Final = ("address", "app_version", "platform")


def describe(connection: Connection, message: Hello) -> bool:
    """Take what the first `hello` with such a field says; tell whether that is news.

    An app keeps its version for as long as it is connected, and who says another thing each time
    causes no writing.
    """
    before = (connection.app_version, connection.platform)
    connection.app_version = connection.app_version or message.app_version or ""
    connection.platform = connection.platform or message.platform or ""
    return before != (connection.app_version, connection.platform)


@dataclasses.dataclass(frozen=True, slots=True)
class Sighting:
    """A device that was seen, from where, and what its client said of itself; empty where it did
    not."""

    device_id: int
    address: str
    app_version: str
    platform: str

    def news_to(self, device: Device) -> dict[str, str]:
        """Return what the device is not known to have said."""
        said = {name: getattr(self, name) for name in _SAID}
        return {
            name: value for name, value in said.items() if value and getattr(device, name) != value
        }


async def report(connection: Connection) -> None:
    """Keep with the device of a connection, if it has one, what is known of its client."""
    identity = connection.identity
    if identity is None or identity.grant.device_id is None:
        return
    said = (connection.address, connection.app_version, connection.platform)
    await together(saw_all, Sighting(identity.grant.device_id, *said))


def saw_all(sightings: Sequence[Sighting]) -> list[None | Exception]:
    """Keep when devices were seen, and what they said of themselves, where that is news; in few
    statements where it is none but that they are there.

    A client is not refused because it cannot be written down.
    """
    from realtime.models import Device

    using = router.db_for_write(Device)
    try:
        with transaction.atomic(using=using):
            # Locked in one order, so that processes wait for each other and no more.
            devices = Device.objects.using(using).only("last_seen_at", *_SAID).order_by("pk")
            ids = {one.device_id for one in sightings}
            found = {row.pk: row for row in devices.filter(pk__in=ids).select_for_update()}
            _store(using, found, sightings)
    except DatabaseError as error:
        logger.warning("That devices were seen could not be stored: %s", error)
    return [None] * len(sightings)


def _store(using: str, devices: dict[int, Device], sightings: Sequence[Sighting]) -> None:
    from realtime.models import Device

    now = timezone.now()
    rows, due = Device.objects.using(using), set[int]()
    for one in sightings:
        device = devices.get(one.device_id)
        if device is None:
            continue
        if news := one.news_to(device):
            rows.filter(pk=device.pk).update(last_seen_at=now, **news)
        elif device.last_seen_at is None or device.last_seen_at < now - RESOLUTION:
            due.add(device.pk)
    if due:
        rows.filter(pk__in=due).update(last_seen_at=now)
