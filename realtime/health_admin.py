"""The parts of the health page that tell of server processes, of clients and of announcing."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from channels.layers import channel_layers
from django.contrib.admin import AdminSite
from django.db.models import Count, Max, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from realtime import announcer
from realtime.conf import conf
from realtime.lagging import Lag, lags
from realtime.layer import shared_layer
from realtime.models import Client, Device, Presence
from realtime.presence import client_rows, clients_away, place_in
from realtime.relay import local_relays
from sync.admin.health_sections import Fact, Section
from sync.admin.links import Link
from sync.admin.spans import span
from sync.conf import conf as sync_conf
from sync.locking import head

MOST_RELAYS: Final = 100
"""Server processes that are listed, those seen last."""

MOST_CLIENTS: Final = 1000
"""Clients of which the slowest is told: of those connected, and of those that are away, the ones
seen last."""

SETTINGS: Final = (
    *("TICK", "ANNOUNCE", "CHANNEL_LAYER", "WEBSOCKET_URL", "RECHECK_INTERVAL"),
    *("PRESENCE_INTERVAL", "PRESENCE_TIMEOUT", "CLIENT_RETENTION", "MAX_CONNECTIONS_PER_USER"),
)


def hub_sections(request: HttpRequest, site: AdminSite) -> Iterator[Section]:
    """Tell of processes and clients those who may see connections, and everybody of announcing."""
    if request.user.has_perm("realtime.view_presence"):
        yield _processes()
        yield _clients()._replace(links=list(_lists(request, site)))
    yield Section(_("Announcing"), list(_announcing()))
    yield Section(_("Settings of the hub"), [_setting(name) for name in SETTINGS])


def _lists(request: HttpRequest, site: AdminSite) -> Iterator[Link]:
    """Lead to the lists of clients, those that this admin site has and the user may see."""
    texts = {Presence: _("Connections"), Device: _("Devices"), Client: _("Clients")}
    for model, text in texts.items():
        its_admin = site._registry.get(model)
        if its_admin is not None and its_admin.has_view_permission(request):
            name = f"admin:realtime_{model._meta.model_name}_changelist"
            yield Link(text, reverse(name, current_app=site.name))


def _processes() -> Section:
    rows = (
        Presence.objects.order_by()
        .values("relay")
        .annotate(
            connections=Count("pk"),
            stopped=Count("pk", filter=Q(behind=True)),
            since=Min("connected_at"),
            seen=Max("seen_at"),
        )
    )
    own = {relay.id for relay in local_relays()}
    found = list(rows.order_by("-seen")[:MOST_RELAYS])
    return Section(
        _("Server processes"),
        columns=(
            *(_("process"), _("connections"), _("of which do not read")),
            *(_("oldest connection"), _("confirmed"), _("state")),
        ),
        rows=[_process(row, own) for row in found],
        note=_("Those that have clients. A process confirms its connections every few seconds."),
    )


def _process(row: Any, own: set[uuid.UUID]) -> Sequence[str]:
    age = timezone.now() - row["seen"]
    is_silent = age > datetime.timedelta(seconds=conf().PRESENCE_TIMEOUT)
    here = _("this one") if row["relay"] in own else _("running")
    return (
        str(row["relay"])[:8],
        _number(row["connections"]),
        _number(row["stopped"]),
        _moment(row["since"]),
        _("%(span)s ago") % {"span": span(age)},
        _("silent: ended or cut off") if is_silent else here,
    )


class _Place(NamedTuple):
    """A client, and how far it is known to have come."""

    client_id: str
    acknowledged: str
    sent: str

    def seq(self, epoch: str) -> int | None:
        acknowledged = place_in(epoch, self.acknowledged)
        return place_in(epoch, self.sent) if acknowledged is None else acknowledged


def _clients() -> Section:
    its_head = head(sync_conf().DATABASE)
    here = _slowest(_connected(), its_head.epoch)
    away = _slowest(_away(), its_head.epoch)
    known = [one for one in (here, away) if one is not None]
    counted = iter(lags([(one.acknowledged, one.sent) for one in known]))
    facts = [
        _slow(title, one, next(counted) if one else None, its_head.epoch, its_head.horizon)
        for title, one in (
            (_("Slowest connected client"), here),
            (_("Slowest client that has left"), away),
        )
    ]
    note = _("Of the newest %(count)s of each.") % {"count": _number(MOST_CLIENTS)}
    return Section(_("Clients"), facts, note=note)


def _connected() -> list[_Place]:
    rows = client_rows().order_by("-connected_at")
    names = ("client_id", "acknowledged", "stopped", "reached")
    return [
        _Place(client_id, acknowledged, stopped or reached)
        for client_id, acknowledged, stopped, reached in rows.values_list(*names)[:MOST_CLIENTS]
    ]


def _away() -> list[_Place]:
    names = ("client_id", "acknowledged", "handed")
    return [_Place(*row) for row in clients_away().values_list(*names)[:MOST_CLIENTS]]


def _slowest(places: Sequence[_Place], epoch: str) -> _Place | None:
    known = [(seq, place) for place in places if (seq := place.seq(epoch)) is not None]
    return min(known)[1] if known else None


def _slow(title: str, one: _Place | None, lag: Lag | None, epoch: str, horizon: int) -> Fact:
    if one is None or lag is None:
        return Fact(title, _("none is known"))
    value = ngettext(
        "%(client)s: %(count)s change, %(span)s",
        "%(client)s: %(count)s changes, %(span)s",
        lag.changes,
    ) % {"client": one.client_id, "count": _number(lag.changes), "span": span(lag.time)}
    room = (one.seq(epoch) or 0) - horizon
    if room < 0:
        return Fact(title, value, _("It stopped before the horizon and will start anew."))
    note = ngettext(
        "It is %(count)s change beyond the horizon.",
        "It is %(count)s changes beyond the horizon.",
        room,
    )
    return Fact(title, value, note % {"count": _number(room)})


def _announcing() -> Iterator[Fact]:
    layer = channel_layers.configs.get(conf().CHANNEL_LAYER, {}).get("BACKEND", _("none"))
    reach = _("It reaches all processes.")
    if shared_layer() is None:
        reach = _("It stays in this process: others hear of changes when they next look.")
    yield Fact(_("Channel layer"), layer, reach)
    rung, fails = announcer.last_rung(), announcer.layer_fails()
    yield Fact(
        _("Announced last"),
        _("not yet") if rung is None else _moment(rung),
        _("By this server process. The channel layer could not be told.")
        if fails
        else _("By this server process."),
        is_bad=fails,
    )


def _setting(name: str) -> Fact:
    value = getattr(conf(), name)
    return Fact(f'REALTIME["{name}"]', _("not set") if value in ("", None) else str(value))


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _moment(moment: datetime.datetime) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT")
