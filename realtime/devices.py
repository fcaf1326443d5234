"""The life of a device: its token is made and shown once, replaced, revoked."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.db.models import F
from django.utils import timezone

from realtime.conf import conf
from realtime.errors import DeviceIsRevoked
from realtime.refreshing import refresh

if TYPE_CHECKING:
    from realtime.models import Device

SECRET_BYTES: Final = 32


def create_device(
    user: Any,
    name: str,
    *,
    expires_at: datetime.datetime | None = None,
    audiences: Iterable[str] = (),
    platform: str = "",
) -> tuple[Device, str]:
    """Create a device and return it with its token, which cannot be shown again.

    `audiences` are those of the user's that the device may hear, none for all. Raises Django's
    `ValidationError` where a value cannot be stored.
    """
    device = new_device(
        user=user, name=name, expires_at=expires_at, audiences=list(audiences), platform=platform
    )
    token = give_token(device)
    device.save()
    return device, token


def new_device(**fields: Any) -> Device:
    """Return a device that is not saved yet and has no token, so that nothing opens it.

    Raises Django's `ValidationError` where a value cannot be stored.
    """
    from realtime.models import Device

    device = Device(prefix=new_prefix(), **fields)
    device.clean_fields(exclude=["user", "token_hash"])
    return device


def give_token(device: Device) -> str:
    """Set a new token on a device that is not saved yet, and return it."""
    token = new_token(device.prefix)
    device.token_hash = token_hash(token)
    return token


def rotate_device(device: Device) -> str:
    """Replace the token of a device and return the new one, which cannot be shown again.

    The former token works for another `DEVICE_ROTATION_GRACE` seconds, or until the next rotation.
    Raises `DeviceIsRevoked`.
    """
    token = new_token(device.prefix)
    grace = datetime.timedelta(seconds=conf().DEVICE_ROTATION_GRACE)
    # In this order, for MariaDB and MySQL read what they have just set.
    change = {
        "previous_hash": F("token_hash"),
        "previous_until": timezone.now() + grace,
        "token_hash": token_hash(token),
    }
    with _transaction():
        if not _rows(device).filter(revoked_at=None).update(**change):
            raise DeviceIsRevoked(f"{device.name} was revoked: create another device.")
        refresh(device.user_id)
    device.refresh_from_db(fields=list(change))
    return token


def revoke_device(device: Device) -> None:
    """Make a device's tokens and pairing code useless; doing it twice keeps the first time.

    Its connections are closed with 4503, in every process.
    """
    with _transaction():
        _rows(device).filter(revoked_at=None).update(revoked_at=timezone.now(), pairing_hash=None)
        refresh(device.user_id)
    device.refresh_from_db(fields=["revoked_at", "pairing_hash"])


def new_prefix() -> str:
    """Return a new public name of a device, by which its tokens are told apart."""
    return secrets.token_hex(4)


def new_token(prefix: str) -> str:
    """Return a new token of a device with this public prefix: 256 random bits."""
    return f"hub_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def token_hash(token: str) -> str:
    """Return what is stored of a token; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _rows(device: Device) -> Any:
    return type(device)._default_manager.filter(pk=device.pk)


def _transaction() -> Any:
    """Begin what a change and its notice share: a notice before its change would be no news."""
    from realtime.models import Device

    return transaction.atomic(using=router.db_for_write(Device))
