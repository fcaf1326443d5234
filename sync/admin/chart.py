"""The strip of times as a drawing: bars in whole units, each a link to its stretch of time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync.admin.searching import Search
from sync.admin.strip import DAY, Bar, Strip
from sync.models import SyncLog

BAR_WIDTH: Final = 10
GAP: Final = 1
HEIGHT: Final = 60

_BOTTOM_UP: Final = (SyncLog.Action.INSERT, SyncLog.Action.UPDATE, SyncLog.Action.DELETE)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """The changes of one action in a bar."""

    action: str
    y: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A bar, with what it says in words."""

    x: int
    text: str
    query: str
    parts: list[Part]


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """Columns side by side."""

    columns: list[Column]
    title: str
    begins: str
    ends: str
    is_estimate: bool
    width: int
    height: int = HEIGHT
    bar_width: int = BAR_WIDTH - GAP


def chart(strip: Strip, search: Search) -> Chart:
    """Return the drawing of a strip, whose links narrow the search."""
    columns = [
        Column(
            x=place * BAR_WIDTH,
            text=_text(bar, strip),
            query=search.narrowed(period="", since=bar.since, until=bar.until).query_string(),
            parts=list(_parts(bar, strip.tallest)),
        )
        for place, bar in enumerate(strip.bars)
    ]
    return Chart(
        columns=columns,
        title=_title(strip),
        begins=_moment(strip.bars[0].since, strip.step),
        ends=_moment(strip.bars[-1].until, strip.step),
        is_estimate=strip.is_estimate,
        width=len(columns) * BAR_WIDTH,
    )


def _parts(bar: Bar, tallest: int) -> Iterator[Part]:
    """Stack what a bar holds; whatever is there at all can be seen."""
    top = HEIGHT
    for action in _BOTTOM_UP:
        if count := bar.counts[action]:
            height = min(max(count * HEIGHT // tallest, 1), top)
            top -= height
            yield Part(action, top, height)


def _title(strip: Strip) -> str:
    count = {"count": number_format(strip.total, force_grouping=True)}
    if strip.is_estimate:
        return ngettext("About %(count)s change", "About %(count)s changes", strip.total) % count
    return ngettext("%(count)s change", "%(count)s changes", strip.total) % count


def _text(bar: Bar, strip: Strip) -> str:
    """Say in words what a bar shows."""
    given = {
        "since": _moment(bar.since, strip.step),
        "until": _moment(bar.until, strip.step),
        "inserts": number_format(bar.counts[SyncLog.Action.INSERT], force_grouping=True),
        "updates": number_format(bar.counts[SyncLog.Action.UPDATE], force_grouping=True),
        "deletes": number_format(bar.counts[SyncLog.Action.DELETE], force_grouping=True),
    }
    if strip.is_estimate:
        return (
            _(
                "%(since)s to %(until)s, about: inserts %(inserts)s, updates %(updates)s, deletes"
                " %(deletes)s"
            )
            % given
        )
    return (
        _("%(since)s to %(until)s: inserts %(inserts)s, updates %(updates)s, deletes %(deletes)s")
        % given
    )


def _moment(moment: datetime.datetime, step: datetime.timedelta) -> str:
    style = "SHORT_DATE_FORMAT" if step >= DAY else "SHORT_DATETIME_FORMAT"
    return date_format(timezone.localtime(moment), style)
