"""Publishing: gives every committed entry its place in the order.

An id is taken before commit and a time before it is seen, so neither can order commits. The order
is given afterwards: one short transaction, under the lock of the one head row, numbers all that
is committed and has no number yet. Whoever finds such entries may publish them; a pass that
crashes numbers nothing, and the next one does its work.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any, Final

from django.db import connections, transaction
from django.db.models import Count, Max
from django.db.models.signals import post_save
from django.utils import timezone

from sync.conf import conf
from sync.cursor import Position
from sync.models import LogHead, SyncLog, log_maintenance
from sync.supersession import Supersession

CHUNK: Final = 500
"""Entries held in memory while one large transaction is numbered."""

RESOLUTION: Final = datetime.timedelta(microseconds=1)
"""The finest time that every supported database stores."""

_NUMBER: Final = (
    "UPDATE sync_log SET seq = %s, published_at = %s, changed = %s, event = %s, latest = %s"
    " WHERE id = %s"
)


def publish(using: str | None = None) -> Position:
    """Number every entry that is committed and has no number yet, and return the end of the log.

    Idempotent and safe to call from any process at any time; writers never wait for it, except
    for the one write lock of SQLite. Inside a transaction of the host it numbers nothing: the
    head would stay locked for as long as that lasts.
    """
    alias = using or conf().DATABASE
    while not _is_inside_a_transaction(alias) and publish_batch(alias):
        pass
    return Position.of_head(head(alias))


def publish_batch(using: str) -> bool:
    """Number whole transactions, all or none of them; return whether more waited for a number.

    For a caller that has other work to do between two batches.
    """
    if not SyncLog.objects.using(using).pending().exists():
        return False
    head(using)  # before the transaction, whose first statement has to be the one that locks
    with transaction.atomic(using=using), log_maintenance():
        _read_committed(using)
        locked = _locked_head(using)
        transactions, is_all = _next_transactions(using)
        if not transactions:  # another pass held the lock and did the work
            return False
        locked.published_at = max(timezone.now(), locked.published_at)
        moved: list[SyncLog] = []
        for entries in _chunks(using, transactions):
            moved += _number(using, locked, entries)
        locked.save(using=using)
        for entry in moved:
            post_save.send(
                SyncLog, instance=entry, created=True, update_fields=None, raw=False, using=using
            )
    return not is_all


def head(using: str) -> LogHead:
    """Return the head row, made on first use; a flushed database thus starts a new epoch."""
    found = LogHead.objects.using(using).filter(pk=LogHead.SINGLETON).first()
    if found is None:
        found, _ = LogHead.objects.using(using).get_or_create(pk=LogHead.SINGLETON)
    return found


def _is_inside_a_transaction(using: str) -> bool:
    """Tell whether the host has a transaction open, other than the one that wraps a `TestCase`."""
    blocks: list[Any] = connections[using].atomic_blocks
    return any(not block._from_testcase for block in blocks)


def _read_committed(using: str) -> None:
    """Let a publisher that waited for the lock see what the one before it did: under REPEATABLE
    READ, which a host may have chosen, PostgreSQL fails it instead."""
    connection = connections[using]
    level = getattr(connection, "isolation_level", None)
    if connection.vendor != "postgresql" or getattr(level, "name", "") == "READ_COMMITTED":
        return
    if len(connection.atomic_blocks) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _locked_head(using: str) -> LogHead:
    """Lock the head until the transaction ends; where rows cannot be locked, a write does it."""
    rows = LogHead.objects.using(using).filter(pk=LogHead.SINGLETON)
    if connections[using].features.has_select_for_update:
        return rows.select_for_update().get()
    rows.update(id=LogHead.SINGLETON)
    return rows.get()


def _next_transactions(using: str) -> tuple[list[uuid.UUID], bool]:
    """Return the next committed transactions in order, a batch of entries or one transaction, and
    whether that is all there are.

    Ordered by their highest id: a transaction that waited for another's row lock wrote that
    record's entry after the other had committed, so its highest id is greater, while its lowest
    may not be.
    """
    pending = SyncLog.objects.using(using).pending().order_by().values_list("transaction")
    waiting = pending.annotate(last=Max("id"), entries=Count("id")).order_by("last")
    taken: list[uuid.UUID] = []
    total = 0
    for transaction_id, _, entries in waiting[: conf().PUBLISH_BATCH]:
        total += entries
        if taken and total > conf().PUBLISH_BATCH:
            return taken, False
        taken.append(transaction_id)
    return taken, len(taken) < conf().PUBLISH_BATCH


def _chunks(using: str, transactions: list[uuid.UUID]) -> Iterator[list[SyncLog]]:
    """Yield the entries in order; a single transaction may be of any size, so it comes in parts."""
    pending = SyncLog.objects.using(using).pending().filter(transaction__in=transactions)
    if len(transactions) > 1:
        rank = {transaction_id: index for index, transaction_id in enumerate(transactions)}
        yield sorted(pending, key=lambda entry: (rank[entry.transaction], entry.pk))
        return
    last = 0
    while chunk := list(pending.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        last = chunk[-1].pk
        yield chunk


def _number(using: str, locked: LogHead, entries: list[SyncLog]) -> list[SyncLog]:
    """Give entries their numbers, and times that grow with them: a client that asks by time alone
    could not get beyond a page of equal ones."""
    history = Supersession(using, entries)
    moved: list[SyncLog] = []
    for entry in entries:
        left = history.follow(entry)
        for numbered in (entry,) if left is None else (left, entry):
            locked.seq += 1
            locked.published_at += RESOLUTION
            numbered.seq, numbered.published_at = locked.seq, locked.published_at
        locked.transaction = entry.transaction
        if left is not None:
            moved.append(left)
    _store(using, entries)
    SyncLog._base_manager.using(using).bulk_create(moved)
    SyncLog.objects.using(using).filter(pk__in=history.superseded).update(latest=False)
    return moved


def _store(using: str, entries: list[SyncLog]) -> None:
    connection = connections[using]
    numbers = [
        (
            entry.seq,
            connection.ops.adapt_datetimefield_value(entry.published_at),
            entry.changed,
            entry.event,
            entry.latest,
            entry.pk,
        )
        for entry in entries
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_NUMBER, numbers)
