"""How the log is doing: what waits, what has been written lately and how large it is. Each answer
costs one statement that looks at a bounded part of the log, whatever its size."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final

from django.db import connections
from django.db.models import Count, Min, Q
from django.utils import timezone

from sync.models import LogHead, SyncLog

MOST_PENDING: Final = 1000
"""Entries without a number that are counted; beyond it there are "more than" so many."""

SAMPLE: Final = 5000
"""The newest entries, of which it is counted how many were made of which table."""

NEWEST: Final = 100
"""The newest entries, of which the slowest publishing is told."""

HOUR: Final = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """The committed entries that wait for their number."""

    count: int
    is_more: bool
    """Whether there are more than were counted."""
    age: datetime.timedelta
    """For how long the first of them has waited."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rates:
    """Changes of each table per minute."""

    per_minute: dict[str, float]
    span: datetime.timedelta
    """The time over which they were counted: an hour, or as long as the sample reaches back."""


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """What the log takes in the database."""

    bytes: int
    is_of_database: bool
    """Whether it is that of the whole database, where that of a table costs a walk through it."""


def backlog(using: str) -> Backlog:
    """Return what waits to be published."""
    pending = SyncLog.objects.using(using).pending().order_by("id")
    found = list(pending.values_list("recorded_at", flat=True)[: MOST_PENDING + 1])
    age = timezone.now() - found[0] if found else datetime.timedelta()
    count = min(len(found), MOST_PENDING)
    return Backlog(count, len(found) > MOST_PENDING, max(age, datetime.timedelta()))


def publishing_time(using: str) -> datetime.timedelta | None:
    """Return how long the slowest of the newest entries waited for its number; None in an empty
    log."""
    newest = SyncLog.objects.using(using).published().order_by("-seq")
    times = newest.values_list("recorded_at", "published_at")[:NEWEST]
    waits = [published - recorded for recorded, published in times if published is not None]
    return max(waits, default=None)


def rates(using: str, head: LogHead) -> Rates:
    """Return how many changes of each table there were per minute of the last hour, or since the
    oldest of the newest `SAMPLE` entries where that is less."""
    now = timezone.now()
    since = now - HOUR
    after = max(0, head.seq - SAMPLE)
    sample = SyncLog.objects.using(using).filter(seq__gt=after, seq__lte=head.seq)
    of_hour = Q(published_at__gte=since)
    counted = sample.order_by().values_list("table")
    rows = counted.annotate(count=Count("pk", filter=of_hour), first=Min("published_at"))
    found = list(rows.values_list("table", "count", "first"))
    oldest = min((first for *_, first in found), default=since)
    is_cut = after > 0 and oldest > since
    span = max(now - oldest, datetime.timedelta(seconds=1)) if is_cut else HOUR
    minutes = span.total_seconds() / 60
    return Rates({table: count / minutes for table, count, _ in found if count}, span)


def size(using: str) -> Size | None:
    """Return how large the log is; None where the database does not say so at once."""
    connection = connections[using]
    sql = _SIZES.get(connection.vendor)
    if sql is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (found,) = cursor.fetchone() or (None,)
    return None if found is None else Size(int(found), connection.vendor == "sqlite")


_SIZES: Final = {
    "postgresql": "SELECT pg_total_relation_size('sync_log')",
    "mysql": "SELECT data_length + index_length FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = 'sync_log'",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}
