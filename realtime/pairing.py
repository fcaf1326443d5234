"""Pairing: a short code that is typed into a new client, once, and exchanged for a device token.

A code has 40 bits. That is enough for something that lives for minutes, because wrong ones are
limited: `PAIRING_ATTEMPTS`.
"""

from __future__ import annotations

import datetime
import secrets
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from realtime.attempts import attempts
from realtime.conf import conf
from realtime.devices import new_device, new_token, token_hash
from realtime.errors import BadToken, DeviceIsRevoked
from realtime.refreshing import refresh

if TYPE_CHECKING:
    from realtime.models import Device

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is taken for a digit, and no U."""

LENGTH: Final = 8

_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_SALT: Final = "realtime.pairing"


def pair_device(user: Any, name: str, **fields: Any) -> tuple[Device, str]:
    """Create a device without a token, and return it with the code that gives it one.

    `fields` are those of `create_device`. Raises Django's `ValidationError` where a value cannot be
    stored.
    """
    device = new_device(user=user, name=name, **fields)
    device.save()
    return device, offer_code(device)


def offer_code(device: Device) -> str:
    """Return a new code for a device, good once and for `PAIRING_TIMEOUT` seconds.

    A former code is useless from now on. The token the device has works until the code is used.
    Raises `DeviceIsRevoked`.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    until = timezone.now() + datetime.timedelta(seconds=conf().PAIRING_TIMEOUT)
    rows = type(device)._default_manager.filter(pk=device.pk, revoked_at=None)
    if not rows.update(pairing_hash=code_hash(code), pairing_until=until):
        raise DeviceIsRevoked(f"{device.name} was revoked: create another device.")
    device.refresh_from_db(fields=["pairing_hash", "pairing_until"])
    return f"{code[:4]}-{code[4:]}"


def redeem(code: str, address: str) -> str:
    """Use a code up and return the new token of its device; a former token is useless then.

    Raises `BadToken`, the same for whatever reason, or `RateLimited` where too many wrong codes
    came from the address or at all: then the code was not looked at.
    """
    attempt = attempts.begin(address)
    is_wrong = False
    try:
        token = _redeemed(code_hash(code))
        is_wrong = token is None
    finally:
        if not is_wrong:
            attempt.take_back()
    if token is None:
        raise BadToken()
    return token


def code_hash(code: str) -> str:
    """Return what is stored of a code: keyed, for all codes can be tried by whoever has it."""
    return salted_hmac(_SALT, code.upper().translate(_READ_AS), algorithm="sha256").hexdigest()


def _redeemed(hashed: str) -> str | None:
    from realtime.models import Device

    now = timezone.now()
    device = Device.objects.select_related("user").filter(pairing_hash=hashed).first()
    if device is None or not _is_waiting(device, now) or not device.user.is_active:
        return None
    token = new_token(device.prefix)
    rows = Device.objects.filter(pk=device.pk, pairing_hash=hashed, revoked_at=None)
    with transaction.atomic(using=router.db_for_write(Device)):
        # The condition makes it once: of two that come together, one finds no row.
        is_first = rows.update(
            token_hash=token_hash(token),
            previous_hash="",
            previous_until=None,
            pairing_hash=None,
            pairing_until=None,
        )
        if is_first:
            refresh(device.user_id)
    return token if is_first else None


def _is_waiting(device: Device, now: datetime.datetime) -> bool:
    if device.pairing_until is None or device.pairing_until <= now:
        return False
    return device.revoked_at is None and (device.expires_at is None or device.expires_at > now)
