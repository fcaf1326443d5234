"""Which clients have an entry of the log, for its page in the admin."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from realtime.models import Client, Device, Presence, Right
from realtime.presence import alive_rows
from realtime.users import users_by_id
from realtime.watching import HISTORY
from sync.admin.passed import Passed
from sync.conf import conf as sync_conf
from sync.cursor import Position
from sync.errors import InvalidCursor
from sync.locking import head
from sync.models import SyncLog

MOST: Final = 1000
"""Connections that are looked at, the newest, and clients that have left, those seen last."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a client: where it stands, and what it hears. Places are numbers of the
    present log."""

    row: Presence | Client
    is_here: bool
    acknowledged: int | None
    sent: int | None
    joined: int | None
    is_whole: bool
    """Whether it was sent everything before it came as well."""

    @property
    def place(self) -> int:
        """How far it has come, to put those that lag first."""
        return max(self.acknowledged or 0, self.sent or 0)

    def hears(self, entry: SyncLog) -> bool:
        """Tell whether its credential is good for the entry, and the client asked for it."""
        wanted = ((self.row.tables, entry.table), *((one, entry.audience) for one in self._of))
        return all(names is None or name in names for names, name in wanted)

    @property
    def _of(self) -> tuple[Any, Any]:
        return self.row.asked, self.row.granted

    def has_acknowledged(self, seq: int) -> bool:
        return self.acknowledged is not None and self.acknowledged >= seq

    def was_sent(self, seq: int) -> bool:
        if self.sent is None or self.sent < seq:
            return False
        return self.is_whole or (self.joined is not None and self.joined < seq)


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
        rows = alive_rows().exclude(asked=[HISTORY]).order_by("-connected_at")
        found += [_connected(row, epoch) for row in rows[:MOST]]
    if request.user.has_perm("realtime.view_client"):
        gone = Client.objects.exclude(client_id__in=alive_rows().values("client_id"))
        found += [_left(row, epoch) for row in gone.order_by("-last_seen_at")[:MOST]]
    return found


def _connected(row: Presence, epoch: str) -> _Known:
    sent = _number(row.stopped or row.reached, epoch)
    acknowledged, joined = _number(row.acknowledged, epoch), _number(row.joined, epoch)
    return _Known(row, True, acknowledged, sent, joined, row.caught_up)


def _left(row: Client, epoch: str) -> _Known:
    acknowledged, sent = _number(row.acknowledged, epoch), _number(row.sent, epoch)
    return _Known(row, False, acknowledged, sent, None, True)


def _number(cursor: str, epoch: str) -> int | None:
    try:
        position = Position.parse(cursor)
    except InvalidCursor:
        return None
    return position.seq if position.epoch == epoch else None


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
    if not one.is_here:
        return _("has left, will be told when it comes back")
    if one.sent is not None and one.sent >= seq:
        return _("came later, has not asked for what was before")
    return _("not yet")


def _url(request: HttpRequest, one: _Known) -> str:
    name = "admin:realtime_presence_change" if one.is_here else "admin:realtime_client_change"
    site = getattr(request, "current_app", None)
    try:
        return reverse(name, args=[one.row.pk], current_app=site)
    except NoReverseMatch:  # an admin site of the host's that has no clients
        return ""


def _moment(one: _Known) -> datetime.datetime | None:
    if isinstance(one.row, Client):
        return one.row.last_seen_at
    return None
