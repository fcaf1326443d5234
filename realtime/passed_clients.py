"""Which clients have an entry of the log, for its page in the admin."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from realtime.models import Client, Device, Presence, Right
from realtime.presence import client_rows, clients_away
from realtime.standings import Standing, standing_of
from realtime.users import users_by_id
from sync.admin.passed import Passed
from sync.conf import conf as sync_conf
from sync.locking import head
from sync.models import SyncLog

MOST: Final = 1000
"""Connections that are looked at, the newest, and clients that have left, those seen last."""


class _Known(NamedTuple):
    """What is kept of a client, and where it stands by that."""

    row: Presence | Client
    standing: Standing

    @property
    def place(self) -> int:
        """How far it has come, to put those that lag first."""
        one = self.standing
        return max(one.acknowledged or 0, one.handed or 0, one.sent or 0)

    def hears(self, entry: SyncLog) -> bool:
        """Tell whether its credential is good for the entry, and the client asked for it."""
        one, audience = self.standing, entry.audience
        wanted = ((one.tables, entry.table), (one.asked, audience), (one.granted, audience))
        return all(names is None or name in names for names, name in wanted)

    def has_acknowledged(self, seq: int) -> bool:
        return (self.standing.acknowledged or 0) >= seq

    def was_handed(self, seq: int) -> bool:
        """Tell whether it has been served as far, with or without what was before it came."""
        return (self.standing.handed or 0) >= seq

    def was_sent(self, seq: int) -> bool:
        joined = self.standing.joined
        was_live = joined is not None and joined < seq and self.was_handed(seq)
        return was_live or (self.standing.sent or 0) >= seq


def passed_clients(request: HttpRequest, entry: SyncLog) -> Iterator[Passed]:
    """Yield the clients that hear of an entry, those that lag first, for who may see clients.

    Who hears of it is told by the rights that the hub has seen, without asking the host. A thousand
    clients cost as many queries as one.
    """
    if entry.seq is None or entry.is_unchanged:
        return
    epoch = head(sync_conf().DATABASE).epoch
    known = [one for one in _visible(request, epoch) if one.hears(entry)]
    holders = _holders(entry.audience, {str(one.row.user_id) for one in known})
    known = sorted((one for one in known if str(one.row.user_id) in holders), key=_order(entry.seq))
    users = users_by_id(str(one.row.user_id) for one in known)
    devices = _devices(request, known)
    for one in known:
        user = users.get(str(one.row.user_id))
        yield Passed(
            client=devices.get(one.row.device_id, one.row.client_id),
            state=_state(one, entry.seq),
            has_passed=one.has_acknowledged(entry.seq),
            url=_url(request, one),
            user="" if user is None else user.get_username(),
            moment=_moment(one),
        )


def _visible(request: HttpRequest, epoch: str) -> list[_Known]:
    """Return the clients that somebody may see: connections, and clients that have left."""
    found: list[_Known] = []
    if request.user.has_perm("realtime.view_presence"):
        rows = client_rows().order_by("-connected_at")
        found += [_Known(row, standing_of(None, row, epoch)) for row in rows[:MOST]]
    if request.user.has_perm("realtime.view_client"):
        gone = clients_away()[:MOST]
        found += [_Known(client, standing_of(client, None, epoch)) for client in gone]
    return found


def _holders(audience: str, user_ids: Collection[str]) -> set[str]:
    rights = Right.objects.filter(audience=audience, user_id__in=user_ids, lost_at=None)
    return set(rights.values_list("user_id", flat=True)) if user_ids else set()


def _order(seq: int) -> Any:
    return lambda one: (one.has_acknowledged(seq), one.was_sent(seq), one.place)


def _devices(request: HttpRequest, known: Sequence[_Known]) -> dict[int | None, str]:
    """Return the names of devices, for who may see them."""
    if not request.user.has_perm("realtime.view_device"):
        return {}
    found = Device.objects.in_bulk({one.row.device_id for one in known} - {None})
    return {key: device.name for key, device in found.items()}


def _state(one: _Known, seq: int) -> str:
    if one.has_acknowledged(seq):
        return _("acknowledged")
    if one.was_sent(seq):
        return _("sent, not acknowledged")
    if not one.standing.is_connected:
        return _("has left, will be told when it comes back")
    if one.was_handed(seq):
        return _("came later, has not asked for what was before")
    return _("not yet")


def _url(request: HttpRequest, one: _Known) -> str:
    name = f"admin:realtime_{one.row._meta.model_name}_change"
    site = getattr(request, "current_app", None)
    try:
        return reverse(name, args=[one.row.pk], current_app=site)
    except NoReverseMatch:  # an admin site of the host's that has no clients
        return ""


def _moment(one: _Known) -> datetime.datetime | None:
    if isinstance(one.row, Client):
        return one.row.last_seen_at
    return None
