"""What is known of a change and a client, in words, for the command and the admin."""

from __future__ import annotations

import datetime

from django.utils.translation import gettext as _

from realtime.explaining import Explained, Explanation
from realtime.models import Right
from realtime.standings import Standing
from realtime.verdict_words import moment, number
from sync.models import ARRIVED, MOVED, REDACTED, SyncLog

Line = tuple[str, str]
"""What a line is about, and what it says."""


def about(explanation: Explanation) -> list[Line]:
    """Return what holds for all changes of the record."""
    lines = []
    if explanation.unsynced:
        lines.append((_("fields that do not sync"), ", ".join(explanation.unsynced)))
    if not explanation.entries:
        text = _(
            "Nothing. The record is in the table, so it was written by raw SQL or another program,"
            " or before its model was registered, or its history was removed. Run sync_verify to"
            " compare the table with the log, or sync_backfill."
        )
        lines.append((_("recorded"), text))
    return lines


def of_change(entry: SyncLog) -> list[Line]:
    """Return how a change came into the log."""
    who = entry.actor or entry.actor_id or _("nobody known")
    recorded = _("%(when)s by %(who)s (%(source)s)") % {
        "when": moment(entry.recorded_at),
        "who": who,
        "source": entry.get_source_display(),
    }
    parts = [recorded]
    if entry.client_id:
        parts.append(_("client %(name)s") % {"name": entry.client_id})
    if entry.reason:
        parts.append(entry.reason)
    lines = [(_("recorded"), "; ".join(parts)), (_("published"), _published(entry))]
    names = entry.redacted_names if entry.cause == REDACTED else entry.changed_names
    if names:
        lines.append((_("changed"), ", ".join(names)))
    lines.append((_("audience"), entry.audience + _moved(entry)))
    return lines


def of_client(one: Explained) -> list[Line]:
    """Return what is known of the change on its way to one client."""
    return [
        (_("held"), _held(one)),
        (_("connection"), _connection(one.standing)),
        (_("acknowledged"), _acknowledged(one.standing)),
    ]


def name(standing: Standing, *, with_device: bool = True) -> str:
    """Return what a client is called, with that of its device unless that may not be seen."""
    what = standing.client_id or _("no client yet")
    named = _("%(client)s of %(user)s") % {"client": what, "user": standing.user}
    if standing.device is None or not with_device:
        return named
    return _("%(client)s, device %(device)s") % {"client": named, "device": standing.device}


def heading(entry: SyncLog) -> str:
    """Return what a change is called."""
    if entry.seq is None:
        return _("waiting change: %(action)s") % {"action": entry.get_action_display()}
    values = {"seq": entry.seq, "action": entry.get_action_display()}
    return _("change %(seq)s: %(action)s") % values


def _published(entry: SyncLog) -> str:
    if entry.seq is None:
        return _("not yet")
    values = {"when": moment(entry.published_at), "seq": entry.seq, "event": entry.event}
    if entry.is_unchanged:
        return _("%(when)s at position %(seq)s, without an event") % values
    return _("%(when)s at position %(seq)s as %(event)s") % values


def _moved(entry: SyncLog) -> str:
    if entry.cause == MOVED:
        return " " + _("(the record left it)")
    return " " + _("(the record came to it)") if entry.cause == ARRIVED else ""


def _held(one: Explained) -> str:
    said = [_interval(right) for right in one.intervals]
    if not said:
        said = [_("never, as far as the hub has seen")]
    if one.is_given is None:
        said.append(_("the host cannot say now: see the log of the server"))
    elif one.is_given:
        said.append(_("the host gives it now"))
    else:
        said.append(_("the host does not give it now"))
    return "; ".join(said)


def _interval(right: Right) -> str:
    values = {
        "gained": _point(right.gained_at, right.gained_seq),
        "lost": _point(right.lost_at, right.lost_seq),
    }
    if right.lost_at is None:
        return _("since %(gained)s") % values if right.gained_at else _("ever since")
    if right.gained_at is None:
        return _("until %(lost)s") % values
    return _("from %(gained)s to %(lost)s") % values


def _point(time: datetime.datetime | None, seq: int | None) -> str:
    return _("position %(seq)s (%(when)s)") % {"seq": seq, "when": moment(time)}


def _connection(standing: Standing) -> str:
    if standing.connected_at is None:
        return _("not known to have connected")
    values = {
        "since": moment(standing.connected_at),
        "until": moment(standing.seen_at),
        "joined": number(standing.joined),
        "handed": number(standing.handed),
        "sent": number(standing.sent),
    }
    when = _("last from %(since)s to %(until)s")
    if standing.is_connected:
        when = _("connected since %(since)s, seen %(until)s")
    where = _("served from position %(joined)s to %(handed)s, sent everything up to %(sent)s")
    return f"{when % values}; {where % values}"


def _acknowledged(standing: Standing) -> str:
    if standing.acknowledged is None:
        return _("nothing")
    return _("up to position %(seq)s") % {"seq": standing.acknowledged}
