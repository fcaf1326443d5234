"""What clients say of themselves, and what is kept of it with their device."""

from __future__ import annotations

import datetime
import logging
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from realtime.connection import Connection
from realtime.database import in_database
from realtime.messages import Hello

logger = logging.getLogger(__name__)

RESOLUTION: Final = datetime.timedelta(minutes=1)
"""How exact `last_seen_at` is: a reconnect storm writes each device once."""


def describe(connection: Connection, message: Hello) -> bool:
    """Take what the first `hello` with such a field says; tell whether that is news.

    An app keeps its version for as long as it is connected, and who says another thing each time
    causes no writing.
    """
    before = (connection.app_version, connection.platform)
    connection.app_version = connection.app_version or message.app_version or ""
    connection.platform = connection.platform or message.platform or ""
    return before != (connection.app_version, connection.platform)


async def report(connection: Connection) -> None:
    """Keep with the device of a connection, if it has one, what is known of its client."""
    identity = connection.identity
    if identity is None or identity.grant.device_id is None:
        return
    said = (connection.address, connection.app_version, connection.platform)
    await in_database(saw, identity.grant.device_id, *said)


def saw(device_id: int, address: str, app_version: str, platform: str) -> None:
    """Keep when a device was seen, and what it said of itself, where that is news.

    A client is not refused because it cannot be written down.
    """
    from realtime.models import Device

    now = timezone.now()
    said = {"address": address, "app_version": app_version, "platform": platform}
    news: dict[str, Any] = {name: value for name, value in said.items() if value}
    is_due = Q(last_seen_at=None) | Q(last_seen_at__lt=now - RESOLUTION)
    try:
        Device.objects.filter(is_due | ~Q(**news), pk=device_id).update(last_seen_at=now, **news)
    except DatabaseError as error:
        logger.warning("That device %s was seen could not be stored: %s", device_id, error)
