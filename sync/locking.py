"""The lock of the head row, which orders everything that changes what cursors stand for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from sync.models import LogHead
from sync.publishing import head


@contextmanager
def locked_head(using: str) -> Iterator[LogHead]:
    """Give the head row, locked until the block ends in a transaction of its own.

    Must not be called inside a transaction: publishing would wait for as long as that lasts.
    Whoever locks entries as well has to lock the head first, as publishing does.
    """
    head(using)  # before the transaction, whose first statement has to be the one that locks
    with transaction.atomic(using=using, durable=True):
        _read_committed(using)
        rows = LogHead.objects.using(using).filter(pk=LogHead.SINGLETON)
        if connections[using].features.has_select_for_update:
            yield rows.select_for_update().get()
            return
        rows.update(id=LogHead.SINGLETON)  # where rows cannot be locked, a write locks
        yield rows.get()


def _read_committed(using: str) -> None:
    """Let whoever waited for the lock see what its holder did: under REPEATABLE READ, which a host
    may have chosen, PostgreSQL fails it instead."""
    connection = connections[using]
    if connection.vendor == "postgresql" and len(connection.atomic_blocks) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
