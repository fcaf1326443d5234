"""Rows of presence, as the relays of other processes would have written them."""

from __future__ import annotations

import datetime
import uuid

from django.utils import timezone

from realtime import connections
from realtime.models import Presence
from realtime.seen import Seen


def row(client_id="laptop", *, silent_for=0.0, **fields):
    seen_at = timezone.now() - datetime.timedelta(seconds=silent_for)
    values = {"relay": uuid.UUID(int=1), "user_id": "7", "client_id": client_id}
    return Presence.objects.create(seen_at=seen_at, **(values | fields))


def client_ids():
    return [found.client_id for found in connections()]


def are_present(*ids):
    return sorted(client_ids()) == sorted(ids)


def seen(number, **fields):
    """Return what a relay knows of a connection."""
    values = {
        "relay": uuid.UUID(int=1),
        "client_id": f"client {number}",
        "user_id": "7",
        "device_id": None,
        "address": "192.0.2.7",
        "network": "192.0.2.7",
        "app_version": "2.4.1",
        "platform": "linux",
        "connected_at": timezone.now(),
        "acknowledged": "",
        "behind": False,
    }
    return Seen(**(values | fields))
