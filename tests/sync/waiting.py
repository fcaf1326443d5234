"""Waiting for what other connections do, without guessing how long it takes."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

SECONDS = 30


def wait_until_somebody_waits_for_a_lock() -> None:
    """Return when a connection of this PostgreSQL database waits for a lock of another."""
    pause = threading.Event()
    for _ in range(SECONDS * 100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        pause.wait(0.01)
    pytest.fail("nobody waits for a lock")
