"""Rows of presence, as the relays of other processes would have written them."""

from __future__ import annotations

import datetime
import uuid

from django.utils import timezone

from realtime import connections
from realtime.models import Presence


def row(client_id="laptop", *, silent_for=0.0, **fields):
    seen_at = timezone.now() - datetime.timedelta(seconds=silent_for)
    values = {"relay": uuid.UUID(int=1), "user_id": "7", "client_id": client_id}
    return Presence.objects.create(seen_at=seen_at, **(values | fields))


def client_ids():
    return [found.client_id for found in connections()]


def are_present(*ids):
    return sorted(client_ids()) == sorted(ids)
