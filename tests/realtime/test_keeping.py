"""The rows of presence follow the connections of a relay, for few statements."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import gc
import threading
import uuid
from types import SimpleNamespace

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import client_count, connections, keeping
from realtime.database import in_database
from realtime.keeping import CHUNK, FORGET_AFTER, SLICE, leave_all
from realtime.models import Presence
from realtime.relay import relay
from tests.realtime.doubles import SECONDS, connection_of
from tests.realtime.rows import are_present, client_ids, row, seen
from tests.support.off_loop import eventually, off_loop

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 10_000


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


def member(running, user, client_id="laptop"):
    connection = connection_of(user, client_id=client_id)
    connection.address = "192.0.2.7"
    running.join(connection)
    return connection


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
    settings.REALTIME = {"PRESENCE_TIMEOUT": 10, "PRESENCE_INTERVAL": 0.02}
    dead = uuid.UUID(int=2)
    await off_loop(row, "just silent", silent_for=11, relay=dead)
    await off_loop(row, "long dead", silent_for=10 * FORGET_AFTER + 1, relay=dead)
    member(running, ada)

    def left():
        return set(Presence.objects.values_list("client_id", flat=True))

    await eventually(lambda: left() == {"just silent", "laptop"})


async def test_a_database_that_fails_costs_presence_only_time(running, ada, monkeypatch, caplog):
    failures = iter([OSError("the database is down")])

    async def sometimes(function, *args):
        for failure in failures:
            raise failure
        return await in_database(function, *args)

    monkeypatch.setattr(keeping, "in_database", sometimes)
    member(running, ada)
    await eventually(are_present, "laptop")
    assert "Presence could not be stored" in caplog.text


@pytest.mark.parametrize("cancels", [1, 2], ids=["it waits", "it is not waited for"])
async def test_a_failure_while_the_relay_stops_is_told_of_like_any_other(
    monkeypatch, caplog, cancels
):
    started, may_fail = asyncio.Event(), asyncio.Event()

    async def late(function, *args):
        started.set()
        await may_fail.wait()
        raise OSError("the database is down")

    monkeypatch.setattr(keeping, "in_database", late)
    storing = asyncio.ensure_future(keeping._safely(lambda: None))
    await started.wait()
    for _ in range(cancels):
        storing.cancel()
        await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(asyncio.CancelledError):
        await storing
    del storing
    await eventually(lambda: "Presence could not be stored" in caplog.text)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_storm_of_connections_is_written_in_few_transactions(running, ada, monkeypatch):
    writes = []

    async def counted(function, *args):
        writes.append(function)
        return await in_database(function, *args)

    monkeypatch.setattr(keeping, "in_database", counted)
    names = [f"client {number}" for number in range(1200)]
    connections = [member(running, ada, name) for name in names]
    await eventually(lambda: client_count() == len(names))
    for connection in connections:
        running.leave(connection)
    await eventually(lambda: client_count() == 0)
    assert len(writes) <= 4


async def test_a_look_at_many_connections_lets_others_have_their_turn(ada):
    running = SimpleNamespace(
        id=uuid.uuid4(), position=None, connections={connection_of(ada) for _ in range(SLICE * 4)}
    )
    looking, turns = asyncio.ensure_future(keeping._look(running)), 0
    while not looking.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(looking.result()) == SLICE * 4
    assert turns >= 4


async def test_who_ends_while_the_others_are_looked_at_is_gone_soon(running, ada, monkeypatch):
    """It is found among those who left, and its row goes with the next look."""
    monkeypatch.setattr(keeping, "SLICE", 1)
    members = [member(running, ada, f"client {number}") for number in range(3)]
    look = keeping._look

    async def look_while_they_leave(running):
        looking = asyncio.ensure_future(look(running))
        await asyncio.sleep(0)
        for one in members[1:]:
            running.leave(one)
        return await looking

    monkeypatch.setattr(keeping, "_look", look_while_they_leave)
    await eventually(are_present, "client 0")


async def test_a_relay_that_ends_leaves_nobody_behind(ada):
    async with relay() as running:
        await running.refresh()
        member(running, ada)
        await eventually(are_present, "laptop")
    assert await off_loop(Presence.objects.count) == 0


async def test_a_write_that_is_under_way_when_the_relay_ends_leaves_nobody_behind(ada, monkeypatch):
    store = keeping._store
    has_begun, may_go_on, has_ended = (threading.Event() for _ in range(3))

    def slow(*args):
        has_begun.set()
        may_go_on.wait(SECONDS)
        store(*args)
        has_ended.set()

    monkeypatch.setattr(keeping, "_store", slow)
    async with relay() as running:
        await running.refresh()
        member(running, ada)
        assert await asyncio.to_thread(has_begun.wait, SECONDS)
        asyncio.get_running_loop().call_later(0.2, may_go_on.set)
    assert await asyncio.to_thread(has_ended.wait, SECONDS)
    assert await off_loop(Presence.objects.count) == 0


# Written by whom nobody told: how far a client has come


def stored(name):
    return off_loop(lambda: getattr(Presence.objects.get(), name))


async def test_how_far_a_client_has_come_is_written_once_per_interval(settings, running, ada):
    client = member(running, ada)
    await eventually(are_present, "laptop")
    client.acknowledged = "0123abcd-7-00000000"
    member(running, ada, "phone")
    await eventually(are_present, "laptop", "phone")
    assert await off_loop(lambda: set(Presence.objects.values_list("acknowledged"))) == {("",)}
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    running.members_changed.set()
    await eventually(Presence.objects.filter(acknowledged="0123abcd-7-00000000").count)


async def test_that_a_client_fell_behind_shows_after_an_interval(settings, running, ada):
    settings.REALTIME = {"PRESENCE_INTERVAL": 0.02}
    client = member(running, ada)
    client.behind = True
    await eventually(lambda: [one for one in connections() if one.behind])
    client.behind = False
    await eventually(lambda: [one for one in connections() if not one.behind])


async def test_what_a_client_says_of_itself_shows_at_once(running, ada):
    client = member(running, ada)
    await eventually(are_present, "laptop")
    client.app_version, client.platform = "2.4.1", "linux"
    grant = dataclasses.replace(client.identity.grant, device_id=7)
    client.identity = dataclasses.replace(client.identity, grant=grant)
    running.members_changed.set()
    await eventually(lambda: connections()[0].app_version == "2.4.1")
    [found] = await off_loop(connections)
    assert (found.platform, found.device_id) == ("linux", 7)


def most_statements(rows):
    """The statements that so many rows may take: SQLite counts the values of a statement."""
    most = database.features.max_query_params
    size = CHUNK if most is None else min(CHUNK, most // len(Presence._meta.fields))
    return -(-rows // size) + 5


def statements(*args):
    with CaptureQueriesContext(database) as found:
        keeping._store(uuid.UUID(int=1), *args, "")
    return len(found)


def test_ten_thousand_connections_cost_few_statements():
    rows = {uuid.UUID(int=number): seen(number) for number in range(1, MANY + 1)}
    further = {key: seen(key.int, acknowledged="0123abcd-7-00000000") for key in rows}
    assert statements(rows, set(), True) <= most_statements(MANY)
    assert statements(further, set(), True) <= most_statements(MANY)
    assert Presence.objects.filter(acknowledged="0123abcd-7-00000000").count() == MANY
    assert statements({}, set(), True) <= 4
    assert statements({}, rows.keys(), False) <= MANY / CHUNK + 2
    assert not Presence.objects.exists()


def test_only_what_changed_is_written():
    known = {uuid.UUID(int=number): seen(number) for number in range(3)}
    present = dict(known)
    renamed, further, new = uuid.UUID(int=0), uuid.UUID(int=1), uuid.UUID(int=9)
    present[renamed] = seen("renamed")
    present[further] = seen(1, connected_at=known[further].connected_at, acknowledged="c")
    present[new] = seen(9)
    assert keeping._to_write(known, present, everything=False).keys() == {renamed, new}
    assert keeping._to_write(known, present, everything=True).keys() == {renamed, new, further}
