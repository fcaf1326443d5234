"""The head row and its lock, which orders everything that changes what cursors stand for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connections, transaction

from sync.models import LogHead


def head(using: str) -> LogHead:
    """Return the head row, made on first use; a flushed database thus starts a new epoch."""
    found = LogHead.objects.using(using).filter(pk=LogHead.SINGLETON).first()
    if found is None:
        found, _ = LogHead.objects.using(using).get_or_create(pk=LogHead.SINGLETON)
    return found


_LOOK: Final = (
    "SELECT sync_log_head.*, EXISTS (SELECT 1 FROM sync_log WHERE seq IS NULL) AS waits"
    " FROM sync_log_head WHERE id = 1"
)


def look_at_head(using: str) -> tuple[LogHead, bool]:
    """Return the head row, and whether entries wait for a number: by one statement, so that where
    none does, all that is committed lies behind the head."""
    found: Any
    for found in LogHead.objects.using(using).raw(_LOOK):
        return found, bool(found.waits)
    return head(using), True


@contextmanager
def locked_head(using: str) -> Iterator[LogHead]:
    """Give the head row, locked until the block ends in a transaction of its own.

    Must not be called inside a transaction: publishing would wait for as long as that lasts.
    Whoever locks entries as well has to lock the head first, as publishing does.
    """
    head(using)  # before the transaction, whose first statement has to be the one that locks
    with transaction.atomic(using=using, durable=True):
        read_committed(using)
        yield lock_head(using)


def lock_head(using: str) -> LogHead:
    """Lock the head until the open transaction ends; where rows cannot be locked, a write does
    it."""
    rows = LogHead.objects.using(using).filter(pk=LogHead.SINGLETON)
    if connections[using].features.has_select_for_update:
        return rows.select_for_update().get()
    take_write_lock(using)
    return rows.get()


def take_write_lock(using: str) -> None:
    """Take the one write lock of SQLite, until the open transaction ends."""
    LogHead.objects.using(using).filter(pk=LogHead.SINGLETON).update(id=LogHead.SINGLETON)


def read_committed(using: str) -> None:
    """Let whoever waited for a lock see what its holder did: under REPEATABLE READ, which a host
    may have chosen, PostgreSQL fails it instead. For the start of a transaction."""
    connection = connections[using]
    level = getattr(connection, "isolation_level", None)
    if connection.vendor != "postgresql" or getattr(level, "name", "") == "READ_COMMITTED":
        return
    if len(connection.atomic_blocks) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
