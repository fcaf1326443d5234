"""What people who look after the hub have connections do, also in other processes."""

from __future__ import annotations

import uuid

import pytest
import pytest_asyncio

from realtime import steering
from realtime.codes import CloseCode
from realtime.devices import create_device
from realtime.layer import ORDER, PROCESS
from realtime.messages import Hello, Ping
from tests.realtime.doubles import connection_of
from tests.realtime.test_introductions import Client as Talk
from tests.support.off_loop import off_loop
from tests.testapp.models import Owner


@pytest.fixture
def device(transactional_db, django_user_model):
    user = django_user_model.objects.create(username="ada")
    return create_device(user, "laptop")


@pytest_asyncio.fixture
async def client(running, device):
    """A client that is live, and of whom nothing is doubtful any more."""
    client = Talk(running, [(b"authorization", f"Bearer {device[1]}".encode())])
    await client.begin()
    await client.say(Hello(client_id="laptop-7"))
    yield client
    await client.conversation.end()


def pages(client):
    return [message for message in client.messages if message["type"] == "sync_response"]


async def test_a_client_that_is_to_start_anew_is_sent_all_that_it_may_hear(client):
    owner = await off_loop(Owner.objects.create, name="Ada")
    await client.relay.refresh()
    await off_loop(steering.resync, [client.connection.id])
    await client.transport.until(lambda transport: pages(client))
    [page] = pages(client)
    assert page["reset"] is True
    assert [change["recordId"] for change in page["changes"]] == [str(owner.pk)]
    assert "cursor" in page


async def test_a_client_that_started_anew_goes_on_live(client):
    await off_loop(steering.resync, [client.connection.id])
    await client.transport.until(lambda transport: pages(client))
    await off_loop(Owner.objects.create, name="Ada")
    await client.transport.until(
        lambda transport: any(one.get("event") == "owner.created" for one in transport.messages)
    )
    assert len(pages(client)) == 1


async def test_a_client_that_is_disconnected_may_come_back_after_a_while(client):
    await off_loop(steering.disconnect, [client.connection.id])
    await client.transport.until(lambda transport: transport.closed)
    goodbye = client.messages[-1]
    assert client.transport.closed[0] == CloseCode.DISCONNECTED
    assert (goodbye["type"], goodbye["code"], goodbye["reconnect"]) == ("goodbye", 4007, True)
    assert goodbye["retryAfterMs"] > 0


async def test_many_that_are_disconnected_do_not_come_back_at_once(client, settings):
    """However short the time is after which one may come back, each adds to the time of all."""
    settings.REALTIME = {"RETRY_AFTER": (0.0, 0.0), "RETRY_AFTER_PER_CONNECTION": 1000.0}
    await off_loop(steering.disconnect, [client.connection.id])
    await client.transport.until(lambda transport: transport.closed)
    assert client.messages[-1]["retryAfterMs"] > 0


async def test_nobody_else_is_told(client, running):
    other = connection_of()
    running.join(other)
    steering.carry_out(running, steering.Order.DISCONNECT, {str(client.connection.id)})
    assert other.transport.closed is None
    steering.carry_out(running, steering.Order.DISCONNECT, {str(uuid.uuid4())})
    assert other.transport.closed is None


async def test_a_connection_that_cannot_be_told_keeps_no_other_from_it(
    client, running, monkeypatch, caplog
):
    broken = connection_of()
    running.join(broken)

    def fail(*args):
        raise OSError("a transport that has gone")

    monkeypatch.setattr(broken.transport, "close", fail)
    monkeypatch.setattr(running, "connections", [broken, client.connection])
    told = {str(broken.id), str(client.connection.id)}
    steering.carry_out(running, steering.Order.DISCONNECT, told)
    await client.transport.until(lambda transport: transport.closed)
    assert f"Connection {broken.id} could not be told to disconnect." in caplog.text


async def test_an_order_of_another_version_is_left_alone(client, running):
    steering.carry_out(running, "something new", {str(client.connection.id)})
    assert (await client.say(Ping()))["type"] == "pong"


@pytest.mark.parametrize("give", [steering.resync, steering.disconnect])
def test_other_processes_are_told_by_the_channel_layer(layer, give):
    one = uuid.uuid4()
    recording = layer("RecordingLayer")
    give([])
    give([one])
    sent = recording.wait_for(ORDER)
    assert (sent["order"], sent["connections"]) == (give.__name__, [str(one)])
    assert sent["sender"] == PROCESS
