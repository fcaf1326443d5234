"""What has to be said about an entry in words."""

from __future__ import annotations

import datetime

from django.utils import formats
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from sync.models import ARRIVED, MOVED, REDACTED, SyncLog


def title(entry: SyncLog, record: str) -> str:
    """Return what happened to a record, as a headline."""
    if entry.cause == MOVED:
        return _("%(record)s left an audience") % {"record": record}
    if entry.cause == REDACTED:
        return _("Values of %(record)s were redacted") % {"record": record}
    if entry.action == SyncLog.Action.INSERT:
        return _("%(record)s was added") % {"record": record}
    if entry.action == SyncLog.Action.DELETE:
        return _("%(record)s was deleted") % {"record": record}
    return _("%(record)s was changed") % {"record": record}


def notes(entry: SyncLog, *, has_previous: bool) -> list[str]:
    """Return what is not seen from the fields."""
    found = [cause] if (cause := _cause(entry)) else []
    if entry.seq is None:
        found.append(_("This change waits for its place in the log: no client has heard of it."))
    elif entry.is_unchanged:
        found.append(_("This change altered nothing that clients see, so it was sent to nobody."))
    if not has_previous and entry.action == SyncLog.Action.UPDATE:
        found.append(
            _("The log has no earlier change of this record, so the values before are not known.")
        )
    return found


def _cause(entry: SyncLog) -> str:
    return {
        MOVED: _(
            "The record went to another audience: those who hear this one were told to forget it."
        ),
        ARRIVED: _("The record came from another audience: to those who hear this one it is new."),
        REDACTED: _("Values were removed from the history, and clients were told to forget them."),
    }.get(entry.cause, "")


def cause_in_short(entry: SyncLog) -> str:
    """Return the cause in a word or two; nothing where the action says it all."""
    return {
        MOVED: _("left the audience"),
        ARRIVED: _("came to the audience"),
        REDACTED: _("redacted"),
    }.get(entry.cause, "")


def delay(entry: SyncLog) -> str:
    """Return how long the entry waited for its place in the log; nothing where clocks disagree."""
    if entry.published_at is None:
        return ""
    waited = entry.published_at - entry.recorded_at
    if waited < datetime.timedelta():
        return ""
    if waited > datetime.timedelta(minutes=2):
        return _("published %(time)s later") % {
            "time": timesince(entry.recorded_at, entry.published_at)
        }
    seconds = formats.number_format(round(waited.total_seconds(), 3), decimal_pos=3)
    return _("published %(seconds)s seconds later") % {"seconds": seconds}
