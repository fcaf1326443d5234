"""The entries before and after an entry: of its record, and in the log."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from sync.admin.permissions import may_view_table
from sync.conf import conf
from sync.models import SyncLog, SyncLogQuerySet


class Neighbours(NamedTuple):
    """Ids of the entries next to one; None where there is none that may be seen."""

    earlier: int | None = None
    later: int | None = None


def neighbours_of_record(entry: SyncLog) -> Neighbours:
    """Return the record's entries next to this one."""
    every = _log(entry).filter(table=entry.table, record_id=entry.record_id)
    return Neighbours(*(side.values_list("pk", flat=True).first() for side in _sides(entry, every)))


def neighbours_in_log(request: HttpRequest, site: AdminSite, entry: SyncLog) -> Neighbours:
    """Return the nearest entries in the log whose tables may be seen.

    No index has the tables in the order of the log, so no more than `NEIGHBOURS` are looked at on
    each side: where nearly everything is hidden there may be none, although there are some far off.
    """
    reach = conf().NEIGHBOURS
    seen: dict[str, bool] = {}

    def is_visible(table: str) -> bool:
        if table not in seen:
            seen[table] = may_view_table(request, site, table)
        return seen[table]

    def nearest(side: SyncLogQuerySet) -> int | None:
        rows = side.values_list("pk", "table")[:reach]
        return next((pk for pk, table in rows if is_visible(table)), None)

    return Neighbours(*(nearest(side) for side in _sides(entry, _log(entry))))


def _log(entry: SyncLog) -> SyncLogQuerySet:
    return SyncLog.objects.using(entry._state.db)


def _sides(entry: SyncLog, entries: SyncLogQuerySet) -> tuple[SyncLogQuerySet, SyncLogQuerySet]:
    """Return what lies before and what lies behind, the nearest first; what waits for its number
    has none behind it."""
    published = entries.published()
    if entry.seq is None:
        return published.order_by("-seq"), entries.none()
    earlier = published.filter(seq__lt=entry.seq).order_by("-seq")
    return earlier, published.filter(seq__gt=entry.seq).order_by("seq")
