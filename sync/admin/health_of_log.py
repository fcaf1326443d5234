"""The parts of the health page that tell of the log."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from sync import health
from sync.admin.health_sections import Fact, Section
from sync.admin.permissions import visible_tables
from sync.admin.spans import span
from sync.conf import conf
from sync.locking import head
from sync.models import LogHead
from sync.uncaptured import uncaptured

SLOW: Final = datetime.timedelta(seconds=30)
"""For how long an entry may wait for its number before the page says that something is wrong: a
relay looks at the log every second."""

SETTINGS: Final = ("CAPTURE", "RAW_SQL", "KEEP_UNCHANGED", "RETENTION", "PUBLISH_BATCH", "DATABASE")


def log_sections(request: HttpRequest, site: AdminSite) -> Iterator[Section]:
    """Tell of the log; of its tables those that the user may see."""
    using = conf().DATABASE
    its_head = head(using)
    tables = visible_tables(request, site)
    yield Section(_("Log"), [*_places(its_head), *_backlog(using), *_size(using)])
    yield _changes(using, its_head, set(tables))
    yield _uncaptured(set(tables))
    yield Section(_("Settings of the log"), [_setting(name) for name in SETTINGS])


def _places(its_head: LogHead) -> Iterator[Fact]:
    moment = date_format(localtime(its_head.published_at), "DATETIME_FORMAT")
    yield Fact(
        _("Position"),
        number_format(its_head.seq, force_grouping=True),
        _("The newest change was published on %(moment)s.") % {"moment": moment},
    )
    yield Fact(
        pgettext("of the log", "History"),
        its_head.epoch,
        _("Another name means that clients start anew."),
    )
    yield Fact(
        _("Horizon"),
        number_format(its_head.horizon, force_grouping=True),
        _("Clients that stopped before it start anew, for deletions before it were forgotten."),
    )


def _backlog(using: str) -> Iterator[Fact]:
    waits = health.backlog(using)
    count = number_format(waits.count, force_grouping=True)
    yield Fact(
        _("Not published yet"),
        _("more than %(count)s") % {"count": count} if waits.is_more else count,
        _("The first has waited for %(time)s.") % {"time": span(waits.age)} if waits.count else "",
        is_bad=waits.age > SLOW,
    )
    slowest = health.publishing_time(using)
    if slowest is not None:
        note = _("From the writing to the publishing, at most, of the newest %(count)d changes.")
        yield Fact(
            _("Publishing took"), span(slowest), note % {"count": health.NEWEST}, slowest > SLOW
        )


def _size(using: str) -> Iterator[Fact]:
    found = health.size(using)
    if found is None:
        return
    note = _("The whole database.") if found.is_of_database else _("With its indexes.")
    yield Fact(_("Size"), filesizeformat(found.bytes), note)


def _changes(using: str, its_head: LogHead, tables: set[str]) -> Section:
    found = health.rates(using, its_head)
    shown = [(table, rate) for table, rate in found.per_minute.items() if table in tables]
    shown.sort(key=lambda one: -one[1])
    return Section(
        _("Changes per minute"),
        columns=(_("table"), _("changes per minute")),
        rows=[(table, number_format(rate, 1)) for table, rate in shown],
        note=_("Counted over %(span)s.") % {"span": span(found.span)},
    )


def _uncaptured(tables: set[str]) -> Section:
    counts = sorted(uncaptured().items())
    return Section(
        _("Writes past the log"),
        columns=(_("table"), _("statement"), _("statements"), _("rows")),
        rows=[
            (table, verb, number_format(found.statements), number_format(found.rows))
            for (table, verb), found in counts
            if table in tables
        ],
        note=_("Counted by this server process alone, since it began. No client heard of them."),
    )


def _setting(name: str) -> Fact:
    value = getattr(conf(), name)
    shown = span(value) if isinstance(value, datetime.timedelta) else str(value)
    return Fact(f'SYNC["{name}"]', _("not set") if value in ("", None) else shown)
