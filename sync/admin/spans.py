"""Spans of time as people say them."""

from __future__ import annotations

import datetime
from typing import Final

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

IN_SECONDS: Final = 120
"""A span that is shorter is told in seconds."""


def span(time: datetime.timedelta) -> str:
    """Return a span of time in words: in seconds where it is short."""
    seconds = round(time.total_seconds())
    if seconds >= IN_SECONDS:
        now = timezone.now()
        return str(timesince(now - time, now))
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}


def age(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return how long ago a moment is, in its largest unit."""
    if now - moment < datetime.timedelta(minutes=1):
        return _("just now")
    return _("%(age)s ago") % {"age": timesince(moment, now, depth=1)}
