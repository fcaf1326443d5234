"""Retention: what the log may forget, and the horizon below which that is noticed.

Removing a superseded entry makes no cursor wrong, for pages hold the newest entries alone.
Removing a delete entry does: a client before it would never hear of the delete. So the horizon
moves to it in the same transaction, and a position below the horizon is reset.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models, transaction
from django.db.models import Q
from django.utils import timezone

from sync.conf import conf
from sync.errors import NoRetention, RetentionError
from sync.locking import head, locked_head
from sync.models import SyncLog, SyncLogQuerySet, log_maintenance
from sync.moments import newest_at
from sync.publishing import RESOLUTION
from sync.registry import registry

WINDOW: Final = 100_000
"""Entries looked through by one query, at most: what bounds the step over those that stay."""

_REMOVABLE: Final = Q(latest=False) | Q(action=SyncLog.Action.DELETE)

_Ages = dict[str | None, datetime.timedelta]
"""The age at which the entries of a table may go; None stands for every other table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """How far a pass has come, in numbers of the log, and what its last batch removed, by table.

    An entry that is superseded in the very moment may go uncounted.
    """

    passed: int
    total: int
    removed: Mapping[str, int]
    position: int = 0
    """The number that it has come to, from which another pass may go on."""
    horizon: int = 0
    """The number below which clients start anew for what the batch removed, or 0."""


def prune(
    using: str | None = None,
    *,
    tables: Collection[str] | None = None,
    older_than: datetime.timedelta | None = None,
    batch: int | None = None,
    dry_run: bool = False,
    after: int = 0,
) -> Iterator[Step]:
    """Remove the superseded and the delete entries that were published longer ago than their
    retention, and yield after each batch; `dry_run` only counts them.

    `tables` are the tables to prune, registered or not (default: every one that the log holds).
    `older_than` wins over every retention. `after` goes on where an earlier pass was left. Safe
    while others write, publish and read: each batch is a short transaction. Raises
    `RetentionError` where nothing says how long to keep.
    """
    size = conf().PRUNE_BATCH if batch is None else batch
    if size < 1:
        raise RetentionError(f"A batch of {size} entries removes none: give at least 1.")
    alias = using or conf().DATABASE
    limits = _limits(alias, _ages(tables, older_than))
    doomed = _doomed(limits)
    if doomed is None:
        return iter(())
    return _pass(alias, doomed, after, max(limits.values()), size, dry_run)


def retention_of(table: str) -> datetime.timedelta | None:
    """Return how long a table's entries are kept, or None for ever."""
    registration = registry.find(table)
    given = None if registration is None else registration.retention
    return _default() if given is None else given


def _default() -> datetime.timedelta | None:
    default = conf().RETENTION
    if default is None:
        return None
    if not isinstance(default, datetime.timedelta) or default <= datetime.timedelta():
        raise ImproperlyConfigured(
            f"SYNC['RETENTION'] is {default!r}: give a positive timedelta, or None for ever."
        )
    return default


def _ages(tables: Collection[str] | None, older_than: datetime.timedelta | None) -> _Ages:
    if older_than is not None:
        if older_than < datetime.timedelta():
            raise RetentionError(f"An age of {older_than} lies in the future.")
        return dict.fromkeys([None] if tables is None else tables, older_than)
    asked: dict[str | None, datetime.timedelta | None]
    if tables is None:
        asked = {r.table: r.retention for r in registry if r.retention is not None}
        asked[None] = _default()
    else:
        asked = {table: retention_of(table) for table in tables}
    ages = {table: age for table, age in asked.items() if age is not None}
    if not ages or (tables is not None and len(ages) < len(asked)):
        raise NoRetention([table for table in asked if table not in ages])
    return ages


def _limits(alias: str, ages: _Ages) -> dict[str | None, int]:
    """Return the number up to which the entries of each table are old enough; times grow with the
    numbers, so that one look per age finds it."""
    now, last = timezone.now(), head(alias).seq
    by_age = {age: _published_before(alias, now, age, last) for age in set(ages.values())}
    return {table: by_age[age] for table, age in ages.items()}


def _published_before(
    alias: str, now: datetime.datetime, age: datetime.timedelta, last: int
) -> int:
    try:
        moment = now - age - RESOLUTION
    except OverflowError:  # such as `timedelta.max`: for ever
        return 0
    newest = newest_at(alias, moment, last)
    return 0 if newest is None else newest.seq


def _doomed(limits: dict[str | None, int]) -> Q | None:
    """Return the condition of what goes, or None where nothing is old enough."""
    tables_by_limit: dict[int, list[str]] = {}
    for table, limit in limits.items():
        if table is not None:
            tables_by_limit.setdefault(limit, []).append(table)
    old = [Q(table__in=named, seq__lte=last) for last, named in tables_by_limit.items() if last]
    if limits.get(None):
        named = [table for table in limits if table is not None]
        old.append(~Q(table__in=named) & Q(seq__lte=limits[None]))
    return _REMOVABLE & Q(*old, _connector=Q.OR) if old else None


def _pass(alias: str, doomed: Q, after: int, last: int, size: int, dry_run: bool) -> Iterator[Step]:
    """Walk over the numbers behind the first up to the last one.

    Looking takes no lock, and only where something was found a transaction removes it. Each
    query is bounded by numbers, so that its cost does not grow with the log.
    """
    log = SyncLog.objects.using(alias).filter(seq__lte=last).order_by("seq")
    start = (log.values_list("seq", flat=True).first() or 1) - 1
    done = max(start, after)
    while done < last:
        end = _window_end(log, done) or last
        while done < end:
            found = _found(log.filter(doomed, seq__gt=done, seq__lte=end), size)
            reached = found.last if found.count == size else end
            if found.count and not dry_run:
                _remove(alias, doomed, done, found)
            done = reached
            yield Step(done - start, last - start, found.by_table, done, found.last_delete)


def _window_end(log: SyncLogQuerySet, after: int) -> int | None:
    numbers = log.filter(seq__gt=after).values_list("seq", flat=True)
    return next(iter(numbers[WINDOW - 1 : WINDOW]), None)


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """The entries of one batch: how many, of which tables, the number of the last one, and the
    number of the last delete that no later entry has superseded."""

    count: int
    by_table: Mapping[str, int]
    last: int
    last_delete: int


def _found(entries: SyncLogQuerySet, size: int) -> _Found:
    picked = entries.values_list("seq", "table", "latest")[:size]
    rows = [(seq or 0, table, latest) for seq, table, latest in picked]
    return _Found(
        count=len(rows),
        by_table=Counter(table for _, table, _ in rows),
        last=rows[-1][0] if rows else 0,
        last_delete=max((seq for seq, _, latest in rows if latest), default=0),
    )


def _remove(alias: str, doomed: Q, after: int, found: _Found) -> None:
    """Remove one batch. Deletes go under the lock of the head, taken first as publishing does;
    superseded entries are nobody's business any more, and go without it."""
    began = time.monotonic()
    entries = SyncLog.objects.using(alias).filter(doomed, seq__gt=after, seq__lte=found.last)
    if found.last_delete:
        with locked_head(alias) as head, log_maintenance():
            head.horizon = max(head.horizon, found.last_delete)
            head.save(update_fields=["horizon"])
            _delete(entries)
    else:
        with transaction.atomic(using=alias, durable=True), log_maintenance():
            _delete(entries.filter(latest=False))
    if not connections[alias].features.has_select_for_update:
        time.sleep(time.monotonic() - began)  # the one write lock: let those who wait have it


def _delete(entries: models.QuerySet[SyncLog]) -> None:
    """Delete with one statement: `delete()` reads the rows where a host listens to deletes."""
    entries._raw_delete(entries.db)
