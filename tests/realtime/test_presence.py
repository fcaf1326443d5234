"""Who is connected, in any process, and how soon it shows who is not any more."""

from __future__ import annotations

import asyncio
import datetime
import threading
import uuid

import pytest
from django.utils import timezone

from realtime import client_count, connections, presence
from realtime.database import in_database
from realtime.models import Presence
from realtime.presence import FORGET_AFTER, leave_all
from realtime.relay import relay
from tests.realtime.doubles import SECONDS, connection_of
from tests.support.off_loop import eventually, off_loop

pytestmark = pytest.mark.django_db(transaction=True)


def row(client_id="laptop", *, silent_for=0.0, **fields):
    seen_at = timezone.now() - datetime.timedelta(seconds=silent_for)
    values = {"relay": uuid.UUID(int=1), "user_id": "7", "client_id": client_id}
    return Presence.objects.create(seen_at=seen_at, **(values | fields))


def client_ids():
    return [found.client_id for found in connections()]


def are_present(*ids):
    return sorted(client_ids()) == sorted(ids)


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


def member(running, user, client_id="laptop"):
    connection = connection_of(user, client_id=client_id)
    connection.address = "192.0.2.7"
    running.join(connection)
    return connection


def test_nobody_is_connected_at_first():
    assert (connections(), client_count()) == ([], 0)


def test_a_connection_says_whose_it_is_and_since_when():
    noon = timezone.now() - datetime.timedelta(hours=1)
    row(address="192.0.2.7", connected_at=noon)
    [found] = connections()
    assert (found.client_id, found.user_id, found.address) == ("laptop", "7", "192.0.2.7")
    assert (found.connected_at, found.relay) == (noon, uuid.UUID(int=1))


def test_connections_are_listed_from_the_oldest_on():
    now = timezone.now()
    for name, age in {"new": 1, "old": 3, "middle": 2}.items():
        row(name, connected_at=now - datetime.timedelta(hours=age))
    assert client_ids() == ["old", "middle", "new"]


def test_a_client_with_two_connections_is_one_client():
    row("laptop")
    row("laptop", relay=uuid.UUID(int=2))
    row("phone")
    assert len(connections()) == 3
    assert client_count() == 2


def test_the_connections_of_a_silent_process_are_not_counted(settings):
    settings.REALTIME = {"PRESENCE_TIMEOUT": 60}
    row("silent", silent_for=61)
    row("here", silent_for=50)
    assert client_ids() == ["here"]
    assert client_count() == 1


def test_a_relay_that_stops_takes_its_own_connections_with_it():
    row("own")
    row("other", relay=uuid.UUID(int=2))
    leave_all(uuid.UUID(int=1))
    assert client_ids() == ["other"]


async def test_who_joins_is_there_and_who_leaves_is_gone(running, ada):
    laptop = member(running, ada)
    member(running, ada, "phone")
    await eventually(are_present, "laptop", "phone")
    [found, _] = await off_loop(connections)
    assert (found.user_id, found.address, found.relay) == (str(ada.pk), "192.0.2.7", running.id)
    assert found.connected_at == laptop.connected_at
    running.leave(laptop)
    await eventually(are_present, "phone")


async def test_a_client_that_takes_another_id_is_there_under_the_new_one_alone(running, ada):
    connection = member(running, ada)
    await eventually(are_present, "laptop")
    connection.identity = connection_of(ada, client_id="renamed").identity
    running.members_changed.set()
    await eventually(are_present, "renamed")


async def test_who_has_no_user_is_not_there(running, ada):
    stranger = connection_of()
    stranger.identity = None
    running.join(stranger)
    member(running, ada)
    await eventually(are_present, "laptop")


async def test_the_relay_confirms_its_connections_again_and_again(settings, running, ada):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    member(running, ada)
    await eventually(are_present, "laptop")
    long_ago = timezone.now() - datetime.timedelta(seconds=30)

    def is_confirmed():
        return Presence.objects.get().seen_at > long_ago

    await off_loop(Presence.objects.update, seen_at=long_ago)
    await eventually(is_confirmed)


async def test_the_rows_of_dead_processes_are_removed_after_a_while(settings, running, ada):
    settings.REALTIME = {"PRESENCE_TIMEOUT": 10}
    dead = uuid.UUID(int=2)
    await off_loop(row, "just silent", silent_for=11, relay=dead)
    await off_loop(row, "long dead", silent_for=10 * FORGET_AFTER + 1, relay=dead)
    member(running, ada)
    await eventually(are_present, "laptop")
    left = await off_loop(lambda: set(Presence.objects.values_list("client_id", flat=True)))
    assert left == {"just silent", "laptop"}


async def test_a_database_that_fails_costs_presence_only_time(running, ada, monkeypatch, caplog):
    failures = iter([OSError("the database is down")])

    async def sometimes(function, *args):
        for failure in failures:
            raise failure
        return await in_database(function, *args)

    monkeypatch.setattr(presence, "in_database", sometimes)
    member(running, ada)
    await eventually(are_present, "laptop")
    assert "Presence could not be stored" in caplog.text


async def test_a_storm_of_connections_is_written_in_few_transactions(running, ada, monkeypatch):
    writes = []

    async def counted(function, *args):
        writes.append(function)
        return await in_database(function, *args)

    monkeypatch.setattr(presence, "in_database", counted)
    names = [f"client {number}" for number in range(1200)]
    connections = [member(running, ada, name) for name in names]
    await eventually(lambda: client_count() == len(names))
    for connection in connections:
        running.leave(connection)
    await eventually(lambda: client_count() == 0)
    assert len(writes) <= 4


async def test_a_relay_that_ends_leaves_nobody_behind(ada):
    async with relay() as running:
        await running.refresh()
        member(running, ada)
        await eventually(are_present, "laptop")
    assert await off_loop(Presence.objects.count) == 0


async def test_a_write_that_is_under_way_when_the_relay_ends_leaves_nobody_behind(ada, monkeypatch):
    store = presence._store
    has_begun, may_go_on, has_ended = (threading.Event() for _ in range(3))

    def slow(*args):
        has_begun.set()
        may_go_on.wait(SECONDS)
        store(*args)
        has_ended.set()

    monkeypatch.setattr(presence, "_store", slow)
    async with relay() as running:
        await running.refresh()
        member(running, ada)
        assert await asyncio.to_thread(has_begun.wait, SECONDS)
        asyncio.get_running_loop().call_later(0.2, may_go_on.set)
    assert await asyncio.to_thread(has_ended.wait, SECONDS)
    assert await off_loop(Presence.objects.count) == 0
