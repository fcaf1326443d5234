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
from django.db import connections, transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from sync.conf import conf
from sync.errors import NoRetention, RetentionError
from sync.locking import head, locked_head
from sync.models import Newest, SyncLog, SyncLogQuerySet, log_maintenance
from sync.moments import newest_at
from sync.publishing import RESOLUTION
from sync.registry import registry

WINDOW: Final = 100_000
"""Entries looked through by one query, at most: what bounds the step over those that stay."""

PARAMETERS: Final = 10_000
"""Numbers that one statement names, at most."""

_NEWEST: Final = Subquery(Newest.objects.filter(seq=OuterRef("seq")).values("seq"))
"""The number of an entry that is the newest, else null; looked up for each, while PostgreSQL would
gather all that there are to tell whether one exists."""

_REMOVABLE: Final = Q(newest=None) | Q(action=SyncLog.Action.DELETE)

_Ages = dict[str | None, datetime.timedelta]
"""The age at which the entries of a table may go; None stands for every other table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """How far a pass has come, in numbers of the log, and what its last batch removed, by table."""

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
    return Q(*old, _connector=Q.OR) if old else None


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
            reached = found.last if len(found) == size else end
            if found and not dry_run:
                _remove(alias, found)
            done = reached
            yield Step(done - start, last - start, found.by_table, done, found.last_delete)


def _window_end(log: SyncLogQuerySet, after: int) -> int | None:
    numbers = log.filter(seq__gt=after).values_list("seq", flat=True)
    return next(iter(numbers[WINDOW - 1 : WINDOW]), None)


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """The numbers of one batch: of superseded entries, and of deletes that none has superseded; and
    how many are of which table."""

    superseded: list[int]
    deletes: list[int]
    by_table: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.superseded) + len(self.deletes)

    @property
    def last(self) -> int:
        return max(self.superseded[-1:] + self.deletes[-1:], default=0)

    @property
    def last_delete(self) -> int:
        return max(self.deletes, default=0)


def _found(entries: SyncLogQuerySet, size: int) -> _Found:
    removable = entries.alias(newest=_NEWEST).filter(_REMOVABLE)
    rows = list(removable.values_list("seq", "table", _NEWEST)[:size])
    return _Found(
        superseded=[seq for seq, _, newest in rows if not newest],
        deletes=[seq for seq, _, newest in rows if newest],
        by_table=Counter(table for _, table, _ in rows),
    )


def _remove(alias: str, found: _Found) -> None:
    """Remove one batch. Deletes go under the lock of the head, taken first as publishing does;
    superseded entries are nobody's business any more, and go without it.

    By their numbers, for what is superseded stays so: MariaDB would lock what a condition reads,
    and wait for a publisher that waits for it.
    """
    began = time.monotonic()
    if found.deletes:
        with locked_head(alias) as head, log_maintenance():
            head.horizon = max(head.horizon, found.last_delete)
            head.save(update_fields=["horizon"])
            _delete(Newest, alias, found.deletes)
            _delete(SyncLog, alias, found.superseded + found.deletes)
    else:
        with transaction.atomic(using=alias, durable=True), log_maintenance():
            _delete(SyncLog, alias, found.superseded)
    if not connections[alias].features.has_select_for_update:
        time.sleep(time.monotonic() - began)  # the one write lock: let those who wait have it


def _delete(model: type[SyncLog | Newest], alias: str, numbers: list[int]) -> None:
    """Delete without reading the rows, as `delete()` does where a host listens to deletes; a
    statement has room for so many parameters."""
    for start in range(0, len(numbers), PARAMETERS):
        part = numbers[start : start + PARAMETERS]
        model._base_manager.using(alias).filter(seq__in=part)._raw_delete(alias)
