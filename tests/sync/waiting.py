"""Waiting for what other connections do, without guessing how long it takes."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

SECONDS = 30


_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


# InnoDB answers anew only who has not asked for a tenth of a second.
_PAUSE = {"postgresql": 0.01, "mysql": 0.15}


def wait_until_somebody_waits_for_a_lock() -> None:
    """Return when a connection of this database waits for a lock of another."""
    pause = threading.Event()
    seconds = _PAUSE[connection.vendor]
    for _ in range(int(SECONDS / seconds)):
        with connection.cursor() as cursor:
            cursor.execute(_WAITING[connection.vendor])
            if cursor.fetchone()[0]:
                return
        pause.wait(seconds)
    pytest.fail("nobody waits for a lock")


def wait_until_deleted_rows_are_gone() -> None:
    """Return when InnoDB has removed what former tests deleted; elsewhere, at once.

    It locks the neighbourhood of such a row where its unique number is given out again, which
    never happens to a log outside of tests.
    """
    if connection.vendor != "mysql":
        return
    pause = threading.Event()
    for _ in range(SECONDS * 10):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT `count` FROM information_schema.innodb_metrics"
                " WHERE name = 'trx_rseg_history_len'"
            )
            if cursor.fetchone()[0] == 0:
                return
        pause.wait(0.1)
    pytest.fail("InnoDB still keeps deleted rows")
