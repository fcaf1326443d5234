"""Device tokens: made here, shown once, checked against a stored hash."""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from realtime.errors import BadToken

if TYPE_CHECKING:
    from realtime.models import Device

SECRET_BYTES: Final = 32
SEEN_RESOLUTION: Final = datetime.timedelta(minutes=1)
"""How exact `last_seen_at` is: a reconnect storm writes each device once."""

_TOKEN: Final = re.compile(r"hub_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)


def create_device(user: Any, name: str) -> tuple[Device, str]:
    """Create a device and return it with its token, which cannot be shown again."""
    from realtime.models import Device

    prefix, token = new_token()
    device = Device.objects.create(
        user=user, name=name, prefix=prefix, token_hash=token_hash(token)
    )
    return device, token


def revoke_device(device: Device) -> None:
    """Make a device's token useless from now on; doing it twice keeps the first time."""
    if device.revoked_at is None:
        device.revoked_at = timezone.now()
        device.save(update_fields=["revoked_at"])


def device_of_token(token: str) -> Device:
    """Return the device of a token, or raise `BadToken`, the same for whatever reason."""
    from realtime.models import Device

    match = _TOKEN.fullmatch(token)
    prefix = match[1] if match else ""
    device = Device.objects.select_related("user").filter(prefix=prefix).first()
    stored = device.token_hash if device is not None else ""
    # Compared also where nothing was found, so that time says nothing about prefixes.
    matches = constant_time_compare(stored, token_hash(token))
    if device is None or not matches or device.revoked_at or not device.user.is_active:
        raise BadToken("The token is not valid. Ask for a new device token.")
    _seen(device)
    return device


def new_token() -> tuple[str, str]:
    """Return the public prefix of a new token, and the token: 256 random bits."""
    prefix = secrets.token_hex(4)
    return prefix, f"hub_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def token_hash(token: str) -> str:
    """Return what is stored of a token; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _seen(device: Device) -> None:
    now = timezone.now()
    if device.last_seen_at is None or now - device.last_seen_at > SEEN_RESOLUTION:
        device.last_seen_at = now
        device.save(update_fields=["last_seen_at"])
