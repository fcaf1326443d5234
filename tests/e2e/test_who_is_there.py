"""Presence and messages that are no changes, over two server processes."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

import realtime
from hubproject.models import Task
from realtime.conf import Conf
from tests.support.channel import listeners
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied


@pytest.fixture
async def hubs(start_hub, redis_server):
    return [start_hub(redis_url=redis_server.url) for _ in range(2)]


@pytest.fixture
async def clients(hubs, connect, make_token, redis_server):
    """Three connections: ada's laptop at both hubs, and bob's phone at the second."""
    ada, bob = await off_loop(make_token, "ada"), await off_loop(make_token, "bob", "sales")
    joined = [
        await (await connect(hubs[0], token=ada, client_id="laptop")).join(),
        await (await connect(hubs[1], token=ada, client_id="laptop")).join(),
        await (await connect(hubs[1], token=bob, client_id="phone")).join(),
    ]
    await eventually(lambda: listeners(redis_server) == len(hubs))
    return joined


def client_ids():
    return sorted(connection.client_id for connection in realtime.connections())


async def test_connections_and_clients_are_counted_over_all_processes(clients):
    await eventually(lambda: client_ids() == ["laptop", "laptop", "phone"])
    assert await off_loop(realtime.client_count) == 2
    relays = {connection.relay for connection in await off_loop(realtime.connections)}
    assert len(relays) == 2


async def test_a_connection_that_ends_is_counted_no_more_however_it_ends(clients):
    await eventually(lambda: len(client_ids()) == 3)
    await clients[0].close()
    await clients[2].drop()
    await eventually(lambda: client_ids() == ["laptop"])


async def test_the_connections_of_a_hub_that_stops_are_counted_no_more(clients, hubs):
    await eventually(lambda: len(client_ids()) == 3)
    await off_loop(hubs[1].terminate)
    assert await off_loop(client_ids) == ["laptop"]


async def test_the_connections_of_a_hub_that_is_killed_are_counted_for_a_minute_at_most(
    hub, connect, token, monkeypatch
):
    for name in ("laptop", "phone"):
        await (await connect(hub, token=token, client_id=name)).join()
    await eventually(lambda: client_ids() == ["laptop", "phone"])
    hub.kill()
    killed_at = timezone.now()
    assert await off_loop(client_ids) == ["laptop", "phone"]
    minute = datetime.timedelta(seconds=Conf().PRESENCE_TIMEOUT)
    assert minute <= datetime.timedelta(minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: killed_at + minute)
    assert await off_loop(client_ids) == []
    assert await off_loop(realtime.client_count) == 0


async def test_a_hub_that_is_killed_takes_nothing_from_the_others(
    start_hub, connect, token, settings
):
    hasty = {"PRESENCE_TIMEOUT": 2.0, "PRESENCE_INTERVAL": 0.1}
    settings.REALTIME = hasty
    hubs = [start_hub(**varied(REALTIME=hasty)) for _ in range(2)]
    for hub, name in zip(hubs, ("laptop", "phone"), strict=True):
        await (await connect(hub, token=token, client_id=name)).join()
    await eventually(lambda: client_ids() == ["laptop", "phone"])
    hubs[1].kill()
    await eventually(lambda: client_ids() == ["laptop"])


async def test_it_shows_who_runs_what_and_how_far_each_has_come(start_hub, connect, token, project):
    hub = start_hub(**varied(REALTIME={"PRESENCE_INTERVAL": 0.1, "TICK": 0.05}))
    client = await connect(hub, token=token, client_id="laptop")
    await client.join(appVersion="2.4.1", platform="linux")
    await off_loop(Task.objects.create, project=project, title="Move")
    await client.expect_event("task.created")
    await client.ask({"type": "ping", "cursor": client.cursor})

    def shown():
        return [one for one in realtime.connections() if one.acknowledged == client.cursor]

    [found] = await eventually(shown)
    assert (found.app_version, found.platform, found.lag) == ("2.4.1", "linux", 0)
    assert (found.address, found.behind) == ("127.0.0.1", False)
    await off_loop(Task.objects.create, project=project, title="Order desks")
    await client.expect_event("task.created")
    assert [one.lag for one in await off_loop(realtime.connections)] == [1]


async def test_a_broadcast_reaches_the_clients_of_all_processes(clients):
    await off_loop(realtime.broadcast, "maintenance.planned", {"at": "18:00"})
    for client in clients:
        event = await client.expect_event("maintenance.planned")
        assert event["data"] == {"at": "18:00"}
        assert "cursor" not in event


async def test_a_broadcast_to_an_audience_reaches_nobody_else(clients):
    await off_loop(realtime.broadcast, "price.dropped", audience="sales")
    await off_loop(realtime.broadcast, "to.everyone")
    await clients[2].expect_event("price.dropped")
    for client in clients:
        await client.expect_event("to.everyone")
    assert [heard(client) for client in clients] == [
        ["to.everyone"],
        ["to.everyone"],
        ["price.dropped", "to.everyone"],
    ]


async def test_a_message_to_one_client_reaches_each_of_its_connections_and_nobody_else(clients):
    await off_loop(realtime.send_to, "laptop", "export.ready", {"url": "/exports/7"})
    await off_loop(realtime.broadcast, "to.everyone")
    for client in clients:
        await client.expect_event("to.everyone")
    assert [heard(client) for client in clients] == [
        ["export.ready", "to.everyone"],
        ["export.ready", "to.everyone"],
        ["to.everyone"],
    ]


def heard(client):
    return [message["event"] for message in client.received if message["type"] == "event"]
