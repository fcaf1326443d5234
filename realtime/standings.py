"""Which clients a name stands for, and how far each of them is known to have come."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from realtime.conf import conf
from realtime.errors import UnknownClient
from realtime.models import Client, Device, Presence
from realtime.presence import place_in
from realtime.users import users_by_id

MOST: Final = 20
"""Clients of one user or device that are looked at, those seen last."""

NEARBY: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A client and how far it has come, as its process last said; of one that is connected several
    times, by its newest connection. Positions are numbers of the present log."""

    user: Any
    client_id: str = ""
    """Empty for a user, or a device, that has never connected."""
    device: Device | None = None
    connected_at: datetime.datetime | None = None
    seen_at: datetime.datetime | None = None
    is_connected: bool = False
    is_reading: bool = True
    joined: int | None = None
    handed: int | None = None
    sent: int | None = None
    acknowledged: int | None = None
    tables: Sequence[str] | None = None
    asked: Sequence[str] | None = None
    granted: Sequence[str] | None = None

    @property
    def may_connect(self) -> bool:
        """Whether the client would be let in if it came now, as far as is known."""
        is_shut = self.device is not None and self.device.state in ("revoked", "expired")
        return bool(self.user.is_active) and not is_shut


def standings(
    name: str, epoch: str, *, may_see_devices: bool = True, may_see_users: bool = True
) -> list[Standing]:
    """Return the clients that a client id, the prefix or name of a device, or a username stands
    for: the first of these that there is. `epoch` is that of the present log.

    Raises `UnknownClient`; the same for what may not be seen. Of users those who have clients may
    always be seen.
    """
    found = _of(Q(client_id=name), Q(client_id=name), epoch)
    if not found and may_see_devices:
        found = _of_devices(name, epoch)
    if not found:
        found = _of_user(name, epoch, may_see_users)
    if not found:
        raise UnknownClient(name, _nearby(name))
    return sorted(found, key=_seen, reverse=True)[:MOST]


def _of_devices(name: str, epoch: str) -> list[Standing]:
    devices = {
        row.pk: row
        for row in Device.objects.filter(Q(prefix=name) | Q(name=name)).select_related("user")
    }
    if not devices:
        return []
    by_device = Q(device_id__in=list(devices))
    found = _of(by_device, by_device, epoch)
    seen = {one.device.pk for one in found if one.device is not None}
    others = (row for pk, row in devices.items() if pk not in seen)
    return found + [Standing(row.user, device=row) for row in others]


def _of_user(name: str, epoch: str, may_see_users: bool) -> list[Standing]:
    users = get_user_model()
    user = users._base_manager.filter(**{users.USERNAME_FIELD: name}).first()
    if user is None:
        return []
    found = _of(Q(user=user), Q(user_id=str(user.pk)), epoch)
    return found or ([Standing(user)] if may_see_users else [])


def _of(of_clients: Q, of_presence: Q, epoch: str) -> list[Standing]:
    """Return the clients that either condition finds: of a generated id there is no more than a
    row of presence until its connection has ended."""
    newest = Client.objects.filter(of_clients).select_related("user").order_by("-last_seen_at")
    clients = {row.client_id: row for row in newest[:MOST]}
    rows = Presence.objects.filter(of_presence).order_by("-seen_at")[:MOST]
    open_ones = {row.client_id: row for row in sorted(rows, key=lambda row: row.connected_at)}
    told_by = [open_ones.get(key) or clients[key] for key in clients.keys() | open_ones]
    users = {str(row.user_id): row.user for row in clients.values()}
    users |= users_by_id({str(row.user_id) for row in told_by} - users.keys())
    devices = Device.objects.in_bulk({row.device_id for row in told_by} - {None})
    return [
        dataclasses.replace(
            standing_of(clients.get(row.client_id), open_ones.get(row.client_id), epoch),
            user=users[str(row.user_id)],
            device=devices.get(row.device_id),
        )
        for row in told_by
        if str(row.user_id) in users  # else the user was removed meanwhile
    ]


def standing_of(client: Client | None, row: Presence | None, epoch: str) -> Standing:
    """Return how far a client has come, by what is kept of it and by its connection, of which one
    may be missing; its user and its device are not looked up."""
    if row is None:
        assert client is not None, "one of the two was found"
        return _last_standing(client, epoch)
    last = Client() if client is None else client
    handed = place_in(epoch, row.stopped or row.reached)
    since = timezone.now() - datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT)
    return Standing(
        user=None,
        client_id=row.client_id,
        connected_at=row.connected_at,
        seen_at=row.seen_at,
        is_connected=row.seen_at >= since,
        is_reading=not row.behind,
        joined=place_in(epoch, row.joined),
        handed=handed,
        sent=handed if row.caught_up else place_in(epoch, last.sent),
        acknowledged=place_in(epoch, row.acknowledged or last.acknowledged),
        tables=row.tables,
        asked=row.asked,
        granted=row.granted,
    )


def _last_standing(client: Client, epoch: str) -> Standing:
    return Standing(
        user=None,
        client_id=client.client_id,
        connected_at=client.connected_at,
        seen_at=client.last_seen_at,
        joined=place_in(epoch, client.joined),
        handed=place_in(epoch, client.handed),
        sent=place_in(epoch, client.sent),
        acknowledged=place_in(epoch, client.acknowledged),
        tables=client.tables,
        asked=client.asked,
        granted=client.granted,
    )


def _seen(one: Standing) -> tuple[bool, float]:
    return one.is_connected, 0.0 if one.seen_at is None else one.seen_at.timestamp()


def _nearby(name: str) -> list[str]:
    """Return client ids that begin alike."""
    alike = Client.objects.filter(client_id__startswith=name[:3]).order_by("client_id")
    return list(alike.values_list("client_id", flat=True)[:NEARBY])
