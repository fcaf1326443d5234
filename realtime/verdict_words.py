"""Verdicts in words: what became of a change, why, and what to do."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from realtime.conf import conf
from realtime.explaining import Explained
from realtime.verdicts import Holding, Outcome

_VERDICTS: Final[Mapping[Outcome, Any]] = {
    Outcome.WAITING: gettext_lazy(
        "Waiting: committed, but not yet published. A running hub publishes within a second: check"
        " that one runs."
    ),
    Outcome.UNCHANGED: gettext_lazy("Not sent: the save changed no field that syncs."),
    Outcome.NEVER_HELD: gettext_lazy(
        "Not sent: %(user)s does not hold %(audience)s (never did). Check what the host says of the"
        " user's audiences, and the audience that the model is registered with."
    ),
    Outcome.LOST: gettext_lazy(
        "Not sent: %(user)s lost %(audience)s at position %(turned)s, before this change. The"
        " client was told to forget what it held of it."
    ),
    Outcome.TAKEN: gettext_lazy(
        "Taken back: %(user)s lost %(audience)s at position %(turned)s, after this change. The"
        " client was told to forget it, or is told when it next connects."
    ),
    Outcome.UNNOTICED: gettext_lazy(
        "Not sent: the host gives %(audience)s to %(user)s now, but the hub has not looked since."
        " Call realtime.refresh() where rights change; else the hub looks every %(recheck)g seconds"
        " while the client is connected, and when it connects."
    ),
    Outcome.OUT_OF_SCOPE: gettext_lazy(
        "Not sent: what the client connects with is not good for %(audience)s. Change the audiences"
        " of its device, or give it another token."
    ),
    Outcome.TABLE_LEFT_OUT: gettext_lazy(
        "Not heard: the client narrowed its connection to the tables %(tables)s. It has to connect"
        " anew to hear others."
    ),
    Outcome.AUDIENCE_LEFT_OUT: gettext_lazy(
        "Not heard: the client narrowed its connection to the audiences %(asked)s. It has to"
        " connect anew to hear others."
    ),
    Outcome.ACKNOWLEDGED: gettext_lazy(
        "%(how)s, acknowledged: the client has stored everything up to %(acknowledged)s."
    ),
    Outcome.SENT_LIVE: gettext_lazy("%(how)s; not acknowledged yet: %(so_far)s"),
    Outcome.SENT_IN_PAGES: gettext_lazy("%(how)s; not acknowledged yet: %(so_far)s"),
    Outcome.SENT_WITH_AUDIENCE: gettext_lazy("%(how)s; not acknowledged yet: %(so_far)s"),
    Outcome.NOT_READING: gettext_lazy(
        "Not sent yet: the client does not read what it is sent. It is caught up when it reads"
        " again, or its connection is closed."
    ),
    Outcome.NOT_ASKED: gettext_lazy(
        "Not sent yet: the client connected at position %(joined)s and has not got all that lies"
        " before. It has to send hello with its cursor, or sync_request until hasMore is false."
    ),
    Outcome.ON_ITS_WAY: gettext_lazy(
        "On its way: the client is connected, and was last seen served up to %(handed)s. That is"
        " known up to %(interval)g seconds late: look again."
    ),
    Outcome.BARRED: gettext_lazy(
        "Not sent: the client is away and may not come back: its device was revoked or has expired,"
        " or its user is not active."
    ),
    Outcome.NEVER_CONNECTED: gettext_lazy(
        "Not sent yet: the client is not known to have connected. It gets the record with its first"
        " pages."
    ),
    Outcome.AWAY: gettext_lazy(
        "Not sent yet: the client is away. It gets this with pages when it comes back."
    ),
}


def sentence(one: Explained) -> str:
    """Return the verdict in words: what became of the change, why, and what to do."""
    facts, standing = one.facts, one.standing
    values = {
        "user": standing.user,
        "audience": one.entry.audience,
        "turned": facts.turned,
        "joined": facts.joined,
        "handed": number(facts.handed),
        "acknowledged": facts.acknowledged,
        "tables": ", ".join(standing.tables or ()),
        "asked": ", ".join(standing.asked or ()),
        "recheck": conf().RECHECK_INTERVAL,
        "interval": conf().PRESENCE_INTERVAL,
        "how": _how(one),
        "so_far": _so_far(one),
    }
    return str(_VERDICTS[one.outcome]) % values + _instead(one)


def moment(time: datetime.datetime | None) -> str:
    """Return a time to the second, in UTC as the log has it."""
    if time is None:
        return "–"
    return f"{time.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def number(seq: int | None) -> str:
    """Return a position, of which it may not be known what it is."""
    return "–" if seq is None else str(seq)


def _how(one: Explained) -> str:
    if one.facts.holding == Holding.GAINED:
        values = {"audience": one.entry.audience, "turned": one.facts.turned}
        return _("Sent with everything of %(audience)s, gained at position %(turned)s") % values
    if one.facts.was_live:
        return _("Sent live at %(when)s") % {"when": moment(one.entry.published_at)}
    return _("Sent with pages")


def _so_far(one: Explained) -> str:
    if one.facts.acknowledged is None:
        return _("the client has acknowledged nothing. It does so with the cursor of ping.")
    return _("the client acknowledged up to %(acknowledged)s, this is %(seq)s.") % {
        "acknowledged": one.facts.acknowledged,
        "seq": one.facts.seq,
    }


_PAGED: Final = frozenset(
    {
        Outcome.ACKNOWLEDGED,
        Outcome.SENT_IN_PAGES,
        Outcome.SENT_WITH_AUDIENCE,
        Outcome.NOT_READING,
        Outcome.NOT_ASKED,
        Outcome.NEVER_CONNECTED,
        Outcome.AWAY,
    }
)


def _instead(one: Explained) -> str:
    """Return that pages bring a newer change of the record, where this one is not sent live."""
    if one.newer is None or one.outcome not in _PAGED or one.facts.was_live:
        return ""
    text = _("Pages bring the newest change of the record in its place: %(newer)s.")
    return " " + text % {"newer": one.newer}
