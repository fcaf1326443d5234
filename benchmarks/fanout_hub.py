"""This hub as a subject: what its clients need, and the writes that make it send.

The benchmark's own process writes, on the core that is not the server's, and tells the hub through
Redis, as a worker would.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.fanout_dialects import Hub
from benchmarks.fanout_servers import Server
from benchmarks.fanout_subjects import DAPHNE, HUB, Subject

NOTES: Final = "n" * 107
"""Makes the record of a task 200 bytes of JSON."""


class HubSubject:
    """The hub on the database that Django uses here, and a user whose clients hear one project."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        from django.contrib.auth import get_user_model

        from hubproject.models import Membership, Project
        from realtime.devices import create_device

        user = get_user_model().objects.create_user("bench")
        self._project = Project.objects.create(name="bench")
        Membership.objects.create(project=self._project, user=user)
        self._token = create_device(user, "bench")[1]
        self._environment = {
            "DJANGO_SETTINGS_MODULE": "benchmarks.peers.hub_settings",
            "DATABASE_URL": database_url,
            "BENCH_REDIS_URL": redis_url,
        }

    def subject(self, *, batch: bool = False, cursor: str | None = None) -> Subject:
        """Return the subject; its clients hold everything up to `cursor`, else to the end."""
        return Subject(
            HUB,
            (*DAPHNE, "benchmarks.peers.hub:application"),
            lambda: Hub(self._token, lambda: cursor or self.cursor(), batch=batch),
            self._environment,
        )

    def cursor(self) -> str:
        """Return the end of the log."""
        from sync.reading import tail

        while not (end := tail(None, 1)).is_published:
            pass
        return end.position.cursor

    def write(self, changes: int) -> None:
        """Commit so many changes in one transaction."""
        from django.db import transaction

        from hubproject.models import Task

        tasks = (
            Task(project=self._project, title=f"task {n:06}", notes=NOTES) for n in range(changes)
        )
        with transaction.atomic():
            Task.objects.bulk_create(tasks)

    def read_seconds(self) -> float:
        """Return what it takes to read the newest entry of the log, with nothing around it."""
        from django.db import connection

        with connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute("SELECT seq, data FROM sync_log ORDER BY seq DESC NULLS LAST LIMIT 1")
            cursor.fetchall()
            return time.perf_counter() - started

    @contextmanager
    def commit(self, server: Server, events: int) -> Iterator[None]:
        """Have the hub send so many changes, from the moment at which they are committed."""
        self.write(events)
        yield
