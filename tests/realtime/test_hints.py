"""What other processes announce reaches the relay through a real Redis, for as long as it lives."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from channels.layers import get_channel_layer

from hubproject.models import Project
from realtime import hints
from realtime.codes import CloseCode
from realtime.layer import HINT, MESSAGE, ORDER, PROCESS
from realtime.relay import relay
from tests.realtime.doubles import SECONDS, connection_of
from tests.support.off_loop import eventually, off_loop

POLL = 0.02
GROUP = "realtime.relays"


@pytest.fixture
def unannounced(settings):
    """This process announces nothing, and no tick comes: only another process can be heard."""
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}


@pytest_asyncio.fixture
async def hearing(redis_server, unannounced, transactional_db):
    """A member of a relay that listens to Redis."""
    async with relay() as running:
        await running.refresh()
        connection = connection_of()
        running.join(connection)
        yield connection


def message(text, sender="another process", **to):
    to = {"audience": None, "client_id": None} | to
    return {"type": MESSAGE, "text": text, "sender": sender} | to


async def tell(*messages):
    for one in messages:
        await get_channel_layer().group_send(GROUP, one)


async def tell_until(connection, *messages, heard=None):
    """Tell again and again until the client has heard anything, or just this: nothing says when a
    relay listens."""
    transport = connection.transport
    async with asyncio.timeout(SECONDS):
        while heard not in transport.messages if heard else not transport.frames:
            try:
                await tell(*messages)
            except Exception:
                await asyncio.sleep(POLL)
            await asyncio.sleep(POLL)


async def test_a_hint_of_another_process_makes_the_relay_look_at_the_log(hearing):
    await off_loop(Project.objects.create, name="Move")
    await tell_until(hearing, {"type": HINT})
    assert hearing.transport.messages[0]["data"]["data"]["name"] == "Move"


async def test_a_message_of_another_process_reaches_its_audience_and_its_client(hearing):
    await tell_until(hearing, message("1", audience="everyone"))
    hearing.transport.frames.clear()
    await tell(
        message("2", audience="project:1"),
        message("3", client_id="phone"),
        message("4", client_id="laptop"),
        message("5", audience="everyone"),
    )
    await hearing.transport.until(lambda transport: 5 in transport.messages)
    assert [found for found in hearing.transport.messages if found != 1] == [4, 5]


async def test_a_message_of_this_process_was_delivered_already_and_is_not_repeated(hearing):
    own = message("1", audience="everyone", sender=PROCESS)
    await tell_until(hearing, own, message("2", audience="everyone"))
    assert set(hearing.transport.messages) == {2}


async def test_an_order_of_another_process_is_carried_out_and_one_of_this_process_was(hearing):
    order = {"type": ORDER, "order": "disconnect", "connections": [str(hearing.id)]}
    told = [order | {"sender": PROCESS}, message("1", audience="everyone")]
    await tell_until(hearing, *told)
    assert hearing.transport.closed is None
    await tell(order | {"sender": "another process"})
    await hearing.transport.until(lambda transport: transport.closed)
    assert hearing.transport.closed[0] == CloseCode.DISCONNECTED


async def test_a_message_that_makes_no_sense_does_not_end_listening(hearing, settings, caplog):
    settings.REALTIME = {"ANNOUNCE": False, "TICK": POLL}
    await tell_until(hearing, message("1", audience="everyone"))
    await tell({"type": "hub.of_the_future"}, {"type": MESSAGE}, {"type": MESSAGE, "text": "x"})
    hearing.transport.frames.clear()
    await tell_until(hearing, message("2", audience="everyone"))
    assert 2 in hearing.transport.messages


async def test_a_redis_that_is_killed_and_comes_back_is_heard_again(
    hearing, settings, redis_server
):
    await tell_until(hearing, message("1", audience="everyone"))
    redis_server.stop()
    settings.REALTIME = {"ANNOUNCE": False, "TICK": POLL}
    running = relay()
    running.wake()  # the tick in force began before it was shortened
    await off_loop(Project.objects.create, name="while Redis is down")
    await hearing.transport.until(lambda found: "while Redis is down" in str(found.messages))
    redis_server.start()
    await tell_until(hearing, message("2", audience="everyone"), heard=2)


async def test_a_redis_that_is_down_at_the_start_is_heard_when_it_comes(
    redis_server, settings, transactional_db, caplog, monkeypatch
):
    settings.REALTIME = {"TICK": POLL}
    caplog.set_level("INFO", "realtime.hints")
    real, allowed = hints.shared_layer(), asyncio.Event()

    class Unreachable:
        """A layer that notices at once; the pub/sub layer itself waits without an error."""

        def __getattr__(self, name):
            return getattr(real, name)

        async def group_add(self, *args):
            if not allowed.is_set():
                attempts.append(args)
                raise ConnectionRefusedError("Redis is down")
            await real.group_add(*args)

    attempts = []
    monkeypatch.setattr(hints, "shared_layer", Unreachable)
    async with relay() as running:
        connection = connection_of()
        await running.refresh()
        running.join(connection)
        await off_loop(Project.objects.create, name="by the tick")
        await connection.transport.until(lambda transport: transport.frames)
        await eventually(lambda: len(attempts) >= 3)
        allowed.set()
        connection.transport.frames.clear()
        await tell_until(connection, message("1", audience="everyone"))
    said = [(record.levelname, record.name) for record in caplog.records]
    ours = [level for level, name in said if name == "realtime.hints"]
    assert ours == ["WARNING", "INFO"]


async def test_a_relay_that_ends_listens_no_more(redis_server, unannounced, transactional_db):
    with redis_server.client() as redis:

        def listeners():
            return redis.pubsub_numsub(f"asgi__group__{GROUP}")[0][1]

        async with relay() as running:
            await running.refresh()
            connection = connection_of()
            running.join(connection)
            await tell_until(connection, message("1", audience="everyone"))
            assert listeners() == 1
        await eventually(lambda: not listeners())


@pytest.mark.django_db(transaction=True)
async def test_the_in_memory_layer_is_not_listened_to(settings):
    async with relay() as running:
        await running.refresh()
        assert get_channel_layer().groups == {}
