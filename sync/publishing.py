"""Publishing: gives every committed entry its place in the order.

An id is taken before commit and a time before it is seen, so neither can order commits. The order
is given afterwards: one short transaction, under the lock of the one head row, numbers all that
is committed and has no number yet. Whoever finds such entries may publish them; a pass that
crashes numbers nothing, and the next one does its work.
"""

from __future__ import annotations

import datetime
from typing import Any, Final, NamedTuple

from django.db import connections
from django.db.models.signals import post_save
from django.utils import timezone

from sync import numbering, short_trips
from sync.batches import Batch, Pending, next_batch
from sync.conf import conf
from sync.cursor import Position
from sync.locking import head, look_at_head, read_committed
from sync.models import LogHead, SyncLog, log_maintenance
from sync.outcomes import Outcomes
from sync.short_batches import Locked, lock_and_read
from sync.spool import Row
from sync.supersession import Supersession

RESOLUTION: Final = datetime.timedelta(microseconds=1)
"""The finest time that every supported database stores."""


class Published(NamedTuple):
    """The end of the log after a batch was numbered, and whether more waited for a number."""

    end: Position
    has_more: bool


def publish(using: str | None = None) -> Position:
    """Number every entry that is committed and has no number yet, and return the end of the log.

    Idempotent and safe to call from any process at any time; writers never wait for it, except
    for the one write lock of SQLite. Inside a transaction of the host it numbers nothing: the
    head would stay locked for as long as that lasts.
    """
    alias = using or conf().DATABASE
    if _is_inside_a_transaction(alias):
        return Position.of_head(head(alias))
    while (published := publish_batch(alias)).has_more:
        pass
    return published.end


def publish_batch(using: str) -> Published:
    """Number whole transactions, all or none of them.

    For a caller that has other work to do between two batches. Costs one statement where nothing
    waits for a number.
    """
    found, waits = look_at_head(using)
    if not waits:
        return Published(Position.of_head(found), has_more=False)
    trips = short_trips.transaction_for(connections[using], is_short=True, savepoint=True)
    with trips, log_maintenance():
        read_committed(using)
        return _publish_locked(using, lock_and_read(using, conf().PUBLISH_BATCH))


def _publish_locked(using: str, locked: Locked) -> Published:
    end = Position.of_head(locked.head)
    batch = next_batch(using, conf().PUBLISH_BATCH) if locked.batch is None else locked.batch
    if batch:  # else another pass held the lock and did the work
        _number_batch(using, locked.head, batch, locked.holders)
    if locked.head.seq > end.seq:  # else nothing changed anything, and the log ends where it did
        end = Position.of_head(locked.head)
    return Published(end, has_more=not batch.is_all)


def _number_batch(using: str, head: LogHead, batch: Batch, holders: list[Row] | None) -> None:
    """Number a batch and move the head behind it, which where no record moved is one statement."""
    start, outcomes, moved = head.seq, Outcomes(using), list[SyncLog]()
    head.published_at = max(timezone.now(), head.published_at)
    for entries in batch.chunks(using):
        history = Supersession(using, entries, outcomes, holders)
        kept, left = _number(head, entries, history)
        if kept and not left and not history.dropped and batch.large is None:
            numbering.store_the_last(using, kept, history.superseded, history.newest(), head)
            return
        numbering.store(using, kept, left, history.superseded, history.newest())
        numbering.drop(using, history.dropped)
        moved += left
    for entry in moved:
        post_save.send(
            SyncLog, instance=entry, created=True, update_fields=None, raw=False, using=using
        )
    if head.seq > start:
        numbering.move_head(using, head)


def _is_inside_a_transaction(using: str) -> bool:
    """Tell whether the host has a transaction open, other than the one that wraps a `TestCase`."""
    blocks: list[Any] = connections[using].atomic_blocks
    return any(not block._from_testcase for block in blocks)


def _number(
    head: LogHead, entries: list[Pending], history: Supersession
) -> tuple[list[Pending], list[SyncLog]]:
    """Give entries their numbers, and times that grow with them: a client that asks by time alone
    could not get beyond a page of equal ones. Returns those that are kept, and those that say that
    a record has moved."""
    kept: list[Pending] = []
    moved: list[SyncLog] = []
    for entry in entries:
        left = history.follow(entry)
        if history.drops(entry):
            continue
        for numbered in (entry,) if left is None else (left, entry):
            head.seq += 1
            head.published_at += RESOLUTION
            numbered.seq, numbered.published_at = head.seq, head.published_at
        head.transaction = entry.transaction
        kept.append(entry)
        if left is not None:
            moved.append(left)
    return kept, moved
