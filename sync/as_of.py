"""What a record held at one point of its history, told from the log alone."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any, Final

from django.utils import timezone

from sync.conf import conf
from sync.context import BACKFILL, COMMAND
from sync.history import STATES
from sync.locking import head
from sync.models import SyncLog, SyncLogQuerySet
from sync.moments import newest_at
from sync.repairing import REASON
from sync.retention import retention_of
from sync.shown import shown


class Knowledge(enum.Enum):
    """What the log knows of a record at one point."""

    HELD = "held"
    """It held the values of the entry."""
    GONE = "gone"
    """The entry says that it was deleted."""
    NOT_YET = "not yet"
    """It did not exist: the entry, which is later, made it."""
    UNKNOWN = "unknown"
    """The entry, which is later, is the oldest one that the log keeps or ever had; None: it has
    none at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What the log tells of a record at one point, and the entry that tells it."""

    knowledge: Knowledge
    entry: SyncLog | None = None
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The encoded values, `Redacted` where they were removed; empty where nothing was held."""


_LIVES: Final = (SyncLog.Action.INSERT, SyncLog.Action.UPDATE)


def state_as_of(
    table: str, record_id: str, point: int | datetime.datetime, *, using: str | None = None
) -> State:
    """Return what a record held when the entry with a number was its newest, or at a moment.

    At a moment counts what was recorded by then, whenever it was published. Entries that wait for
    publishing are not read. `NOT_YET` is told only where no retention can have removed an earlier
    life of the record; `sync_prune --older-than` can, and leaves no trace where the record lived
    again.
    """
    alias = using or conf().DATABASE
    ours = SyncLog.objects.using(alias).published().filter(table=table, record_id=record_id)
    seq = _number_at(alias, ours, point) if isinstance(point, datetime.datetime) else point
    newest = ours.filter(STATES, seq__lte=seq).order_by("-seq").first()
    if newest is None:
        return _before_all(alias, ours, seq)
    if newest.action not in _LIVES:
        return State(Knowledge.GONE, newest)
    return State(Knowledge.HELD, newest, shown([newest])[newest.pk])


def _number_at(alias: str, ours: SyncLogQuerySet, moment: datetime.datetime) -> int:
    """Return the number up to which entries of a record were recorded by a moment.

    All that was published by then was. Of what follows, the first that was recorded later ends it:
    a record's writers wait for each other. So what is walked over is what waited for publishing.
    """
    last = head(alias).seq
    place = newest_at(alias, moment, last)
    published = 0 if place is None else place.seq
    later = ours.filter(seq__gt=published, recorded_at__gt=moment).order_by("seq")
    first = later.values_list("seq", flat=True).first()
    return last if first is None else first - 1


def _before_all(alias: str, ours: SyncLogQuerySet, seq: int) -> State:
    first = ours.filter(STATES).order_by("seq").first()
    is_known = first is not None and _made(first) and not _may_be_pruned(alias, first.table, seq)
    return State(Knowledge.NOT_YET if is_known else Knowledge.UNKNOWN, first)


def _made(entry: SyncLog) -> bool:
    """Tell whether an entry was recorded when the record was made, not when it was found."""
    is_found = entry.source == BACKFILL or (entry.source, entry.reason) == (COMMAND, REASON)
    return entry.action == SyncLog.Action.INSERT and not is_found


def _may_be_pruned(alias: str, table: str, seq: int) -> bool:
    """Tell whether an entry after a number may have been removed: that of a delete, which the
    horizon shows, or that of one which a later life of the record superseded."""
    if seq < head(alias).horizon:
        return True
    age = retention_of(table)
    if age is None:
        return False
    kept = SyncLog.objects.using(alias).filter(seq__lte=seq).order_by("-seq")
    published_at = kept.values_list("published_at", flat=True).first()
    return published_at is None or timezone.now() - published_at > age
