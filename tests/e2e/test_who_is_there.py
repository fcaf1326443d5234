"""Presence and messages that are no changes, over two server processes."""

from __future__ import annotations

import pytest

import realtime
from tests.support.channel import listeners
from tests.support.off_loop import eventually, off_loop


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
