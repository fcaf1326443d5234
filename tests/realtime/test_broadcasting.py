"""Events that are no change of a record reach whoever is connected, in every process."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
import threading

import pytest

from hubproject.models import Project
from realtime import broadcast, send_to
from realtime.layer import MESSAGE, PROCESS
from tests.realtime.doubles import connection_of
from tests.support.off_loop import off_loop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def members(running):
    """A laptop that hears everyone, and a phone that also hears a project."""
    laptop, phone = connection_of(), connection_of(None, "everyone", "project:1", client_id="phone")
    for connection in (laptop, phone):
        running.join(connection)
    return laptop, phone


async def heard(connection, count=1):
    await connection.transport.until(lambda transport: len(transport.frames) >= count)
    return [message["event"] for message in connection.transport.messages]


async def test_a_broadcast_reaches_everyone(members):
    broadcast("rain.expected", {"mm": 3})
    for connection in members:
        assert await heard(connection) == ["rain.expected"]
        [message] = connection.transport.messages
        assert (message["type"], message["data"]) == ("event", {"mm": 3})
        assert message["timestamp"].endswith("Z")


async def test_a_broadcast_holds_no_cursor_for_it_has_no_place_in_the_log(members):
    laptop, _ = members
    laptop.caught_up = True
    broadcast("rain.expected")
    await heard(laptop)
    assert "cursor" not in laptop.transport.messages[0]
    assert laptop.transport.messages[0]["data"] is None


async def test_a_broadcast_to_an_audience_reaches_no_other(members):
    laptop, phone = members
    broadcast("only.project", audience="project:1")
    broadcast("for.all")
    assert await heard(phone, 2) == ["only.project", "for.all"]
    assert await heard(laptop) == ["for.all"]


async def test_what_is_sent_to_a_client_reaches_no_other(members):
    laptop, phone = members
    send_to("phone", "ring", {"volume": 11})
    send_to("nobody", "ring")
    broadcast("for.all")
    assert await heard(phone, 2) == ["ring", "for.all"]
    assert await heard(laptop) == ["for.all"]


async def test_a_client_with_two_connections_hears_on_both(running, members):
    again = connection_of(client_id="phone")
    running.join(again)
    send_to("phone", "ring")
    assert await heard(members[1]) == await heard(again) == ["ring"]


async def test_any_thread_may_broadcast(members):
    await asyncio.to_thread(broadcast, "from.a.thread")
    assert await heard(members[0]) == ["from.a.thread"]


async def test_broadcasts_arrive_in_the_order_they_were_sent(members):
    for number in range(50):
        broadcast(str(number))
    assert await heard(members[0], 50) == [str(number) for number in range(50)]


async def test_a_broadcast_leaves_the_log_alone(members, running):
    before = running.position
    broadcast("rain.expected")
    await heard(members[0])
    assert await running.refresh() == before


@pytest.mark.parametrize("data", [object(), {1, object()}, {"a": threading.Lock()}])
def test_data_that_is_no_json_is_an_error_of_the_caller(data):
    with pytest.raises(TypeError):
        broadcast("rain.expected", data)


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (decimal.Decimal("1.50"), "1.50"),
        ((1, 2), [1, 2]),
        ("ü", "ü"),
    ],
)
async def test_plain_values_are_encoded(members, data, wire):
    broadcast("value", data)
    await heard(members[0])
    assert members[0].transport.messages[0]["data"] == wire


def test_without_any_connection_a_broadcast_goes_nowhere_and_is_no_error():
    broadcast("rain.expected")
    send_to("phone", "ring")


def test_other_processes_are_told_with_what_they_need_to_deliver(layer):
    recording = layer("RecordingLayer")
    broadcast("rain.expected", audience="project:1")
    told = recording.wait_for(MESSAGE)
    assert json.loads(told["text"])["event"] == "rain.expected"
    assert (told["audience"], told["client_id"]) == ("project:1", None)
    assert told["sender"] == PROCESS
    assert told["group"] == "realtime.relays"


async def test_with_redis_a_client_of_this_process_hears_a_broadcast_once(redis_url, members):
    laptop, _ = members
    broadcast("rain.expected")
    assert await heard(laptop) == ["rain.expected"]
    await off_loop(Project.objects.create, name="Move")
    assert await heard(laptop, 2) == ["rain.expected", "project.created"]


@pytest.mark.parametrize("name", ["DeadLayer", "HangingLayer"])
async def test_a_layer_that_fails_costs_other_processes_the_event_and_nobody_here(
    layer, members, name
):
    layer(name)
    broadcast("rain.expected")
    assert await heard(members[0]) == ["rain.expected"]
