"""The environment of a test run: prepared before Django reads its settings, passed to children.

Variables a developer has set for `make run` (`DATABASE_URL`, `REDIS_URL`) are not obeyed here: a
test run must never reach that database. These are:

- `HUB_TEST_DATABASE`: `sqlite` (the default), `postgresql` or `mariadb`
- `TEST_DATABASE_URL`: a server to use instead of starting one, where its kind is the one asked for
- `TEST_REDIS_URL`: a Redis for the tests that do not need to kill it
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.support.guardian import guardian
from tests.support.mariadb import MariaDbServer
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
CHILD = "HUB_TEST_CHILD"
SCHEMES = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mariadb",
    "mariadb": "mariadb",
}


def prepare() -> None:
    """Export what the settings read; in a child of the run all is exported already."""
    if CHILD in os.environ:
        return
    os.environ.pop("REDIS_URL", None)
    os.environ["DATABASE_URL"] = database_url()
    os.environ["SECRET_KEY"] = "only-for-tests-and-long-enough-for-every-system-check-of-django"
    os.environ["ALLOWED_HOSTS"] = "127.0.0.1,localhost"
    os.environ["DEBUG"] = "false"


def database_kind() -> str:
    """Return which database this run is for: `sqlite`, `postgresql` or `mariadb`."""
    kind = os.environ.get("HUB_TEST_DATABASE", "sqlite")
    if kind not in SCHEMES.values():
        raise ValueError(f"HUB_TEST_DATABASE={kind!r}: choose sqlite, postgresql or mariadb")
    return kind


@cache
def database_url() -> str:
    """Return the address beside which the test database is made; starts a server if need be."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if SCHEMES.get(urlsplit(given).scheme) == database_kind():
        return given
    if database_kind() == "sqlite":
        return f"sqlite:///{scratch() / 'hub.sqlite3'}"
    server = PostgresServer() if database_kind() == "postgresql" else MariaDbServer()
    server.start()
    return server.url


def database_is_ours() -> bool:
    """Say whether the database goes with the run, so that nothing needs dropping at its end."""
    return database_url() != os.environ.get("TEST_DATABASE_URL")


@cache
def scratch() -> Path:
    """Return a directory that is removed when the run ends."""
    directory = Path(tempfile.mkdtemp(prefix="hub-tests-"))
    guardian().remove_at_end(directory)
    return directory


def shared_database_url() -> str:
    """Return the address of the test database itself, which other processes are to share."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{quote(name)}").geturl()


def child_environment(
    *,
    settings: str = "tests.settings",
    redis_url: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of a process that works on the test database beside the tests."""
    environment = dict(os.environ)
    environment.pop("REDIS_URL", None)
    environment |= {
        CHILD: "1",
        "DJANGO_SETTINGS_MODULE": settings,
        "DATABASE_URL": shared_database_url(),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
    }
    if redis_url:
        environment["REDIS_URL"] = redis_url
    return environment | dict(extra or {})
