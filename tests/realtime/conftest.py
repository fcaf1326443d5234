"""Fixtures for the parts of a hub, run on the test's own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import wait
from typing import Any

import pytest
import pytest_asyncio

from realtime.announcer import tell_others
from realtime.conf import conf
from realtime.database import executor, relay_executor
from realtime.relay import Relay, relay
from tests.realtime import layers
from tests.support.hub import Hub
from tests.support.open_planner import open_planner


@pytest.fixture(autouse=True)
def planner_for_everyone(settings) -> Iterator[None]:
    """Have everybody hear the planner: who hears what is said by the host, and tested with it."""
    settings.HOST_AUDIENCES = ""
    with open_planner():
        yield


@pytest.fixture
def quick_tick(settings) -> None:
    """A relay that looks at the log all the time: nothing has to be announced."""
    settings.REALTIME = {"TICK": 0.02}


@pytest.fixture
def no_tick(settings) -> None:
    """A relay that would find nothing by itself for as long as a test can take."""
    settings.REALTIME = {"TICK": 3600}


@pytest_asyncio.fixture
async def running(transactional_db: None) -> AsyncIterator[Relay]:
    """The relay of the test's event loop, which has looked at the log once."""
    async with relay() as found:
        await found.refresh()
        yield found
    await asyncio.to_thread(finish_database_work)


def finish_database_work() -> None:
    """Wait for what cancelled tasks have left to the hub's threads: a connection that is open when
    the test's database is taken away stays open, and fails a later test."""
    for pool, size in ((executor(), conf().DATABASE_THREADS), (relay_executor(), 1)):
        together = threading.Barrier(size)
        wait([pool.submit(together.wait) for _ in range(size)])


@pytest.fixture
def layer(settings) -> Iterator[Callable[[str], Any]]:
    """Announce through a layer of `tests.realtime.layers`; returns its class."""

    def use(name: str) -> Any:
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{layers.HERE}.{name}"}}
        return getattr(layers, name)

    layers.reset()
    yield use
    layers.HangingLayer.may_go_on.set()
    use("RecordingLayer")
    tell_others({"type": "the end of a test"})
    layers.RecordingLayer.wait_for("the end of a test")


@pytest.fixture(scope="session")
def standing_hub(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    log = tmp_path_factory.mktemp("standing-hub") / "hub.log"
    with Hub(log, settings="tests.realtime.quick_settings") as hub:
        yield hub


@pytest.fixture
def quick_hub(standing_hub: Hub, transactional_db: None) -> Iterator[Hub]:
    """A real Daphne that outlives the test; the test fails if a traceback was logged meanwhile."""
    assert standing_hub.is_running(), standing_hub.log_text()
    seen = len(standing_hub.log_text())
    yield standing_hub
    assert "Traceback" not in standing_hub.log_text()[seen:]


@pytest.fixture
def as_staff(client: Any, django_user_model: Any) -> Callable[..., Any]:
    """Log a member of the staff in who has just these permissions; returns the browser."""
    from django.contrib.auth.models import Permission

    def log_in(*permissions: str) -> Any:
        user = django_user_model.objects.create(username="watcher", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            found = Permission.objects.get(content_type__app_label=app, codename=codename)
            user.user_permissions.add(found)
        client.force_login(user)
        return client

    return log_in
