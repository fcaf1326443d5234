"""Fixtures that every test may ask for: real servers, hubs, clients, devices."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import TransactionTestCase

from tests.support.client import HubClient
from tests.support.emptying import empty_quickly, flush_patiently
from tests.support.environment import database_is_ours, database_kind
from tests.support.hub import Hub, server
from tests.support.redis import RedisServer
from tests.support.require import require

StartHub = Callable[..., Hub]
Connect = Callable[..., Any]

SETTINGS = "tests.settings"


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("DJANGO_SETTINGS_MODULE") != SETTINGS:
        raise pytest.UsageError(
            f"The tests need DJANGO_SETTINGS_MODULE={SETTINGS}: other settings would reach another"
            " database than the one the tests make."
        )


def pytest_report_header(config: pytest.Config) -> str:
    packages = ("Django", "channels", server())
    versions = [f"{name} {version(name)}" for name in packages]
    return f"{database_kind()}, Python {platform.python_version()}, {', '.join(versions)}"


CONCERNS = {
    "sqlite_only": {"sqlite"},
    "postgresql_only": {"postgresql"},
    "mariadb_only": {"mariadb"},
    "several_writers": {"postgresql", "mariadb"},
    "without_returning": {"sqlite", "mariadb"},
    "installed_triggers": {"postgresql"},
}
"""The databases that a test is about, by a fixture it asks for: elsewhere it is no test at all, and
hundreds of skips would hide the one that matters."""

SERVER_CONCERNS = {"daphne_only": {"daphne"}}
"""The servers that a test is about, likewise: what the hub does on them alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are about other databases, or servers, than those of this run."""
    others = [item for item in items if not _concerns(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _concerns(item)]


def _concerns(item: pytest.Item) -> bool:
    if item.get_closest_marker("postgresql") and database_kind() != "postgresql":
        return False
    asked = getattr(item, "fixturenames", ())
    if not all(server() in SERVER_CONCERNS[name] for name in SERVER_CONCERNS.keys() & set(asked)):
        return False
    return all(database_kind() in CONCERNS[name] for name in CONCERNS.keys() & set(asked))


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """Leave a database that goes with its server: a connection that some executor thread still
    holds would make dropping it fail."""
    return database_is_ours() or bool(request.config.getvalue("reuse_db"))


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_keepdb: bool, django_db_blocker: Any
) -> Iterator[None]:
    """Cut the connections of executor threads before a database on another's server is dropped."""
    yield
    if django_db_keepdb or connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def quick_teardown() -> Iterator[None]:
    """Have a teardown cost no more than what a test has written, also beside a running hub."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_quickly)
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush_patiently)
        yield


@pytest.fixture
def daphne_only() -> None:
    """Only run on Daphne."""


@pytest.fixture
def after_hubs() -> Iterator[ExitStack]:
    """What is to go only when no hub needs it any more, in whatever order a test asks for both."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def redis_server(settings: Any, after_hubs: ExitStack) -> RedisServer:
    """A Redis to kill and restart, which this process announces through."""
    from hubproject.channel_layers import channel_layer

    server = after_hubs.enter_context(RedisServer())
    settings.CHANNEL_LAYERS = {"default": channel_layer(server.url)}
    return server


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, settings: Any) -> str:
    """The address of a Redis that this process announces through and the test leaves alone."""
    from hubproject.channel_layers import channel_layer

    given = os.environ.get("TEST_REDIS_URL")
    if given is None:
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    settings.CHANNEL_LAYERS = {"default": channel_layer(given)}
    return given


@pytest.fixture
def start_hub(transactional_db: None, after_hubs: ExitStack, tmp_path: Path) -> Iterator[StartHub]:
    """Start any number of hub processes (the arguments are those of `Hub`).

    All end with the test, which fails if one has logged a traceback without `expect_traceback`.
    """
    hubs: list[Hub] = []

    def start(kind: type[Hub] = Hub, **options: Any) -> Hub:
        hubs.append(kind(tmp_path / f"hub-{len(hubs)}.log", **options).start())
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.kill()
    if complaints := list(filter(None, (hub.complaint() for hub in hubs))):
        pytest.fail("\n\n".join(complaints), pytrace=False)


@pytest.fixture
def hub(start_hub: StartHub) -> Hub:
    """A running hub without Redis: changes made by this process reach it by the tick."""
    return start_hub()


@pytest.fixture
def make_token(transactional_db: None, django_user_model: Any) -> Callable[..., str]:
    """Make a device token; its user hears the named audiences beside the default ones."""
    from django.contrib.auth.models import Group

    from realtime.devices import create_device

    def make(username: str = "ada", *audiences: str) -> str:
        user, _ = django_user_model.objects.get_or_create(username=username)
        for audience in audiences:
            user.groups.add(Group.objects.get_or_create(name=audience)[0])
        return str(create_device(user, f"device of {username}")[1])

    return make


@pytest.fixture
def token(make_token: Callable[..., str]) -> str:
    """The token of a device whose user hears the default audiences."""
    return make_token()


@pytest_asyncio.fixture
async def connect(start_hub: StartHub) -> AsyncIterator[Connect]:
    """Connect clients (the arguments are those of `HubClient`); all are closed with the test."""
    async with AsyncExitStack() as stack:

        async def connect(hub: Hub, **options: Any) -> HubClient:
            client = HubClient(hub.ws_url, **options)
            stack.push_async_callback(client.close)
            await client.connect()
            return client

        yield connect


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a browser; the test is skipped, or fails, where there is none."""
    return require("browser")


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node; the test is skipped, or fails, where there is none."""
    return require("node")


@pytest.fixture
def mariadb_only() -> None:
    """Only run on MariaDB."""


@pytest.fixture
def sqlite_only() -> None:
    """Only run on SQLite."""


@pytest.fixture
def several_writers() -> None:
    """Transactions of several threads are open at once: SQLite has one writer."""


@pytest.fixture
def postgresql_only() -> None:
    """Only run on PostgreSQL; for a whole module there is the mark `postgresql`."""
