"""The databases of the benchmarks: made for one run, on the loopback interface, gone afterwards.

PostgreSQL runs with its default durability, for a commit that nobody waits for would hide what
recording costs beside it, and make every other cost look larger.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import PostgresServer

MEMORY_MB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": f"{MEMORY_MB // 4}MB",  # what PostgreSQL's manual suggests
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
}
DURABILITY = (
    "SQLite: a file, WAL, synchronous=NORMAL. PostgreSQL: the default durability (fsync,"
    " full_page_writes and synchronous_commit on), but where the mode says otherwise."
)
SYNCS = 20


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Make a database of a kind, `sqlite` or `postgresql`, and yield its address."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="hub-bench-") as directory:
            yield f"sqlite:///{Path(directory) / 'bench.sqlite3'}"
        return
    server = PostgresServer(DURABLE)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def prepare(url: str, settings: str) -> None:
    """Have Django use this database, whatever the environment offers, and make its tables."""
    os.environ.pop("REDIS_URL", None)
    os.environ |= {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": settings,
        "SECRET_KEY": "only-for-benchmarks-and-long-enough-for-every-check-of-django",
        "DEBUG": "false",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # Last, for the benchmarks' own tables, which have no migrations, refer to the others.
    call_command("migrate", verbosity=0, run_syncdb=True)


def sync_milliseconds() -> float:
    """Return what the disk takes to make one small write durable, for the figures depend on it."""
    with tempfile.TemporaryFile() as file:
        started = time.perf_counter()
        for _ in range(SYNCS):
            file.write(b"x" * 8192)
            file.flush()
            os.fsync(file.fileno())
        return (time.perf_counter() - started) / SYNCS * 1000
