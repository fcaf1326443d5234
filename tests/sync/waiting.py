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
