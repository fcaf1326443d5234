"""What a device token grants: checked against stored hashes. Runs on the hub's threads."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from django.db import router
from django.utils.crypto import constant_time_compare

from realtime.devices import token_hash
from realtime.errors import BadToken, EndsConnection
from realtime.grants import Grant, expired, is_over, revoked

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from realtime.models import Device

_TOKEN: Final = re.compile(r"hub_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_HASH: Final = "-" * 64
"""What a token is compared with where nothing is stored, so that this takes as long."""


def is_device_token(token: str) -> bool:
    """Tell whether a text has the form of a device token."""
    return _TOKEN.fullmatch(token) is not None


def device_of_token(token: str) -> Device:
    """Return the device of a token, or raise `BadToken`, the same for whatever reason."""
    return _checked(_devices().filter(prefix=_prefix(token)).first(), token)[0]


def device_grant(token: str) -> Grant:
    """Return what a device token grants, or raise `BadToken`, the same for whatever reason."""
    (found,) = device_grants([token])
    if isinstance(found, Exception):
        raise found
    return found


def device_grants(tokens: Sequence[str]) -> list[Grant | Exception]:
    """Return for each token what `device_grant` returns or raises, by one query; each is compared
    as if it had come alone."""
    prefixes = {token: _prefix(token) for token in tokens}
    devices = {row.prefix: row for row in _devices().filter(prefix__in=set(prefixes.values()))}
    return [_grant_or_error(devices.get(prefixes[token]), token) for token in tokens]


def _grant_or_error(device: Device | None, token: str) -> Grant | Exception:
    try:
        return _granted(*_checked(device, token), token_hash(token))
    except BadToken as error:
        return error


def _prefix(token: str) -> str:
    match = _TOKEN.fullmatch(token)
    return match[1] if match else ""


def _checked(device: Device | None, token: str) -> tuple[Device, datetime.datetime | None]:
    try:
        expires_at = _end(device, token_hash(token))
    except EndsConnection:
        raise BadToken() from None
    assert device is not None, "nobody's token opens nothing"
    return device, expires_at


def _granted(device: Device, expires_at: datetime.datetime | None, given: str) -> Grant:
    again = _Renewal(device.pk, device.user_id, given)
    audiences = frozenset(device.audiences) or None
    return Grant(device.user, again, expires_at, audiences, device.pk)


@dataclasses.dataclass(frozen=True, slots=True)
class _Renewal:
    """Looks at a device again; many of them in one query."""

    device_pk: int
    user_pk: Any
    given: str = dataclasses.field(repr=False)

    def __call__(self) -> Grant:
        return self._of(_devices().filter(pk=self.device_pk).first())

    @staticmethod
    def together(renewals: Sequence[_Renewal]) -> list[Grant | Exception]:
        found = {one.pk: one for one in _devices().filter(pk__in={r.device_pk for r in renewals})}
        answers: list[Grant | Exception] = []
        for renewal in renewals:
            try:
                answers.append(renewal._of(found.get(renewal.device_pk)))
            except EndsConnection as error:
                answers.append(error)
        return answers

    def _of(self, device: Device | None) -> Grant:
        if device is None or device.user_id != self.user_pk:
            raise revoked()
        return _granted(device, _end(device, self.given), self.given)


def _devices() -> QuerySet[Device]:
    """Return the devices with their users, from where they are written: a replica may still show
    what was revoked."""
    from realtime.models import Device

    return Device.objects.using(router.db_for_write(Device)).select_related("user")


def _end(device: Device | None, given: str) -> datetime.datetime | None:
    """Return until when the token of this hash opens a device.

    Raises `Revoked` where it never will again, `TokenExpired` where it did until its time was over.
    """
    is_current = constant_time_compare((device and device.token_hash) or _NO_HASH, given)
    is_former = constant_time_compare((device and device.previous_hash) or _NO_HASH, given)
    if device is None or not (is_current or is_former):
        raise revoked()
    if device.revoked_at is not None or not device.user.is_active:
        raise revoked()
    ends = [device.expires_at, None if is_current else device.previous_until]
    expires_at = min((end for end in ends if end is not None), default=None)
    if is_over(expires_at):
        raise expired()
    return expires_at
