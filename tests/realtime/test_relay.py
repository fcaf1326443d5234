"""The relay: reads what is new once, and hands it to every connection whose it is."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from hubproject.models import Project
from realtime import fanout, noticed
from realtime import relay as relay_module
from realtime.database import for_relay
from realtime.frames import Frame
from realtime.refreshing import refresh
from realtime.relay import local_relays, relay
from sync.models import LogHead, new_epoch
from sync.reading import tail
from tests.realtime.conftest import finish_database_work
from tests.realtime.doubles import FailingTransport, connection_of
from tests.support.off_loop import off_loop
from tests.testapp.models import Memo, Team

SECONDS = 20


def joined(running, *audiences, **options):
    connection = connection_of(None, *audiences, **options)
    connection.caught_up = True
    running.join(connection)
    return connection


def titles(connection):
    """The names of the projects the client has heard of, in order."""
    return [message["data"]["data"]["name"] for message in connection.transport.messages]


async def create(*names):
    for name in names:
        await off_loop(Project.objects.create, name=name)


async def heard(connection, *names):
    await connection.transport.until(lambda transport: len(transport.frames) >= len(names))
    assert titles(connection) == list(names)


@pytest.fixture
def fault(monkeypatch):
    """A database that fails as long as a test wants it to."""

    class Fault:
        error: Exception | None = None

        async def for_relay(self, function, *args):
            if self.error is not None:
                raise self.error
            return await for_relay(function, *args)

    fault = Fault()
    monkeypatch.setattr(relay_module, "for_relay", fault.for_relay)
    return fault


@pytest.fixture
def gate(monkeypatch):
    """Stops the relay within its next look at the log, after it has read."""

    class Gate:
        def __init__(self):
            self.reached, self.may_pass = asyncio.Event(), asyncio.Event()
            self.may_pass.set()

        def close(self):
            self.reached.clear()
            self.may_pass.clear()

        async def for_relay(self, function, *args):
            result = await for_relay(function, *args)
            self.reached.set()
            await self.may_pass.wait()
            return result

    gate = Gate()
    monkeypatch.setattr(relay_module, "for_relay", gate.for_relay)
    return gate


async def test_a_change_reaches_every_connection_of_its_audience_and_no_other(running):
    one, other, stranger = joined(running), joined(running), joined(running, "project:1")
    await create("Move")
    await running.refresh()
    assert titles(one) == titles(other) == ["Move"]
    assert titles(stranger) == []
    assert one.position == stranger.position == running.position


async def test_who_refreshes_waits_for_rounds_that_give_way(running, monkeypatch):
    """Between two clients other work is done, and the wait ends when everybody has been served."""
    monkeypatch.setattr(fanout, "STRETCH", 1)
    connections = [joined(running) for _ in range(5)]
    served_when_the_loop_came_by = set()

    def look():
        served_when_the_loop_came_by.add(sum(bool(titles(one)) for one in connections))
        if not all(map(titles, connections)):
            asyncio.get_running_loop().call_soon(look)

    look()
    await create("Move")
    await running.refresh()
    assert all(titles(one) == ["Move"] for one in connections)
    assert {1, 2, 3, 4} <= served_when_the_loop_came_by


async def test_a_change_is_encoded_once_for_all_who_hear_it(running):
    one, other = joined(running), joined(running)
    await create("Move")
    await running.refresh()
    assert one.transport.frames[0] is other.transport.frames[0]


async def test_changes_arrive_in_the_order_of_the_log_whatever_the_batch(running, settings):
    settings.REALTIME = {"RELAY_BATCH": 2}
    connection = joined(running)
    names = [f"project {n}" for n in range(5)]
    await create(*names)
    await running.refresh()
    assert titles(connection) == names


@pytest.mark.parametrize("keep", [True, False])
async def test_a_save_that_changes_nothing_is_never_heard(running, settings, keep):
    settings.SYNC = settings.SYNC | {"KEEP_UNCHANGED": keep}
    await create("Move")
    await running.refresh()
    connection = joined(running)
    before = running.position
    await off_loop(lambda: Project.objects.get().save())
    await running.refresh()
    assert titles(connection) == []
    assert running.position.seq == before.seq + keep
    assert connection.position == running.position


async def test_what_was_before_joining_is_not_heard(running):
    await create("before")
    await running.refresh()
    connection = joined(running)
    assert connection.position == running.position
    await create("after")
    await running.refresh()
    assert titles(connection) == ["after"]


async def test_who_has_left_hears_nothing_more(running):
    connection, witness = joined(running), joined(running)
    running.leave(connection)
    running.leave(connection)
    await create("Move")
    await running.refresh()
    assert titles(witness) == ["Move"]
    assert titles(connection) == []


async def test_a_record_that_moves_away_is_forgotten_by_those_it_leaves(running):
    red, blue = [await off_loop(Team.objects.create, name=name) for name in ("red", "blue")]
    one, other = joined(running, f"team:{red.pk}"), joined(running, f"team:{blue.pk}")
    memo = await off_loop(Memo.objects.create, team=red, text="plans")
    await off_loop(Memo.objects.filter(pk=memo.pk).update, team=blue)
    await running.refresh()
    inserted, deleted = [message["data"] for message in one.transport.messages]
    assert (inserted["action"], deleted["action"]) == ("insert", "delete")
    assert deleted["cause"] == "moved"
    assert "data" not in deleted
    [came] = [message["data"] for message in other.transport.messages]
    assert (came["action"], came["cause"]) == ("insert", "arrived")
    assert "changed" not in came


@pytest.mark.usefixtures("no_tick")
async def test_a_commit_of_this_process_wakes_the_relay_at_once(running):
    connection = joined(running)
    await create("Move")
    await heard(connection, "Move")


async def test_the_tick_delivers_what_nobody_announces(settings, running):
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 0.02}
    connection = joined(running)
    await create("Move")
    await heard(connection, "Move")


@pytest.mark.usefixtures("no_tick")
async def test_waking_the_relay_delivers_what_nobody_announced(settings, running):
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    connection = joined(running)
    await create("Move")
    running.wake()
    await heard(connection, "Move")
    await create("Order desks")
    await asyncio.to_thread(running.wake_threadsafe)
    await heard(connection, "Move", "Order desks")


@pytest.mark.usefixtures("no_tick")
async def test_refreshing_during_a_look_waits_for_another_look(settings, running, gate):
    """What committed just before the call might have been missed by the look under way."""
    settings.REALTIME = {"ANNOUNCE": False, "TICK": 3600}
    connection = joined(running)
    gate.close()
    running.wake()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    await create("Move")
    refreshed = asyncio.create_task(running.refresh())
    await asyncio.sleep(0)
    gate.may_pass.set()
    assert await asyncio.wait_for(refreshed, SECONDS) == running.position
    assert titles(connection) == ["Move"]


async def test_many_who_refresh_at_once_share_a_look(running, fault, monkeypatch):
    looks = []

    def counted(*args):
        looks.append(args)
        return tail(*args)

    monkeypatch.setattr(relay_module, "tail", counted)
    positions = await asyncio.gather(*(running.refresh() for _ in range(50)))
    assert set(positions) == {running.position}
    assert len(looks) <= 2


@pytest.mark.usefixtures("quick_tick")
async def test_a_database_that_fails_and_recovers_costs_nothing_but_time(running, fault, caplog):
    connection = joined(running)
    fault.error = OSError("the database is down")
    await create("during")
    for _ in range(3):
        with pytest.raises(OSError, match="down"):
            await running.refresh()
    assert titles(connection) == []
    fault.error = None
    await heard(connection, "during")
    await create("after")
    await heard(connection, "during", "after")
    said = [record.levelname for record in caplog.records if record.name == "realtime.relay"]
    assert said == ["ERROR", "INFO"]


async def test_who_gives_up_waiting_does_not_disturb_the_others(running, gate):
    gate.close()
    running.wake()
    await asyncio.wait_for(gate.reached.wait(), SECONDS)
    impatient = asyncio.create_task(running.refresh())
    patient = asyncio.create_task(running.refresh())
    await asyncio.sleep(0)
    impatient.cancel()
    gate.may_pass.set()
    assert await asyncio.wait_for(patient, SECONDS) == running.position
    assert impatient.cancelled()


async def test_a_connection_that_fails_takes_nothing_from_the_others(running, caplog):
    broken, sound = joined(running), joined(running)
    broken.transport = FailingTransport()
    asked = []
    broken.on_behind = lambda: asked.append("drain")
    await create("first", "second")
    await running.refresh()
    assert titles(sound) == ["first", "second"]
    assert asked == ["drain"]
    assert "could not be served live" in caplog.text


async def test_a_connection_that_failed_still_stands_before_what_it_did_not_get(running):
    connection = joined(running)
    connection.transport = FailingTransport()
    before = connection.position
    await create("Move")
    await running.refresh()
    assert connection.behind
    assert connection.position == before


def restart_history():
    LogHead.objects.update(epoch=new_epoch())


def lose_history():
    LogHead.objects.all().delete()


@pytest.mark.parametrize("replace", [restart_history, lose_history])
async def test_a_log_that_was_replaced_sends_every_client_to_the_log(running, replace):
    connections = [joined(running), joined(running, "project:1")]
    asked = []
    for connection in connections:
        connection.on_behind = lambda: asked.append("drain")
    old = connections[0].position
    await off_loop(replace)
    await create("in the new history")
    await running.refresh()
    assert asked == ["drain", "drain"]
    assert connections[0].position == old
    assert connections[0].transport.messages == []
    assert running.position.epoch != old.epoch


async def test_a_message_of_the_host_reaches_its_audience_or_its_client(running):
    laptop, phone = joined(running), joined(running, "project:1", client_id="phone")
    nobody = joined(running)
    nobody.identity = None
    running.message(Frame('{"to":"everyone"}'), "everyone", None)
    running.message(Frame('{"to":"phone"}'), None, "phone")
    running.message(Frame('{"to":"no audience"}'), "project:2", None)
    await running.refresh()
    assert laptop.transport.messages == [{"to": "everyone"}]
    assert phone.transport.messages == [{"to": "phone"}]
    assert nobody.transport.messages == []


async def test_a_message_of_the_host_does_not_wait_for_who_does_not_read(running):
    connection = joined(running)
    connection.fall_behind()
    running.message(Frame("{}"), "everyone", None)
    await running.refresh()
    assert connection.transport.frames == []


async def test_messages_of_the_host_wait_for_a_log_that_cannot_be_read_but_not_in_any_number(
    running, monkeypatch, settings
):
    settings.REALTIME = {"TICK": 3600, "MAX_WAITING_BROADCASTS": 2}
    connection = joined(running)

    def fail(*asked):
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(relay_module, "tail", fail)
        for number in range(3):
            running.message(Frame(str(number)), "everyone", None)
        with pytest.raises(OperationalError):
            await running.refresh()
        assert connection.transport.frames == []
    await running.refresh()
    assert [frame.text for frame in connection.transport.frames] == ["1", "2"]


async def test_a_message_of_the_host_comes_from_any_thread(running):
    connection = joined(running)
    await asyncio.to_thread(running.message_threadsafe, Frame('{"a":1}'), "everyone", None)
    await connection.transport.until(lambda transport: transport.frames)
    assert connection.transport.messages == [{"a": 1}]


async def test_an_event_loop_has_one_relay(running):
    assert relay() is running
    assert running in local_relays()


@pytest.mark.django_db(transaction=True)
async def test_the_relay_runs_from_the_first_user_to_the_last():
    before = asyncio.all_tasks()
    async with relay() as one:
        began = asyncio.all_tasks() - before
        async with relay() as other:
            assert one is other
            await one.refresh()
            assert asyncio.all_tasks() - before <= began
        await one.refresh()
        assert one.position is not None
    assert asyncio.all_tasks() == before
    assert one.position is None


@pytest.mark.django_db(transaction=True)
async def test_a_relay_that_stopped_starts_anew_at_the_end_of_the_log():
    async with relay() as first:
        await first.refresh()
    await create("while nobody was there")
    async with relay() as again:
        connection = joined(again)
        await again.refresh()
        await create("after")
        await again.refresh()
        assert titles(connection) == ["after"]


@pytest.mark.django_db(transaction=True)
def test_waking_a_relay_whose_loop_has_ended_is_no_error():
    async def use() -> object:
        async with relay() as found:
            await found.refresh()
            return found

    found = asyncio.run(use())
    found.wake_threadsafe()
    found.message_threadsafe(Frame("{}"), "everyone", None)


@pytest.mark.django_db(transaction=True)
def test_a_relay_goes_with_its_event_loop():
    async def use() -> object:
        async with relay() as found:
            await found.refresh()
            return weakref.ref(found)

    gone = asyncio.run(use())
    finish_database_work()  # a thread lets go of its last call only when it looks for the next
    gc.collect()
    assert gone() is None


async def test_whom_it_has_noticed_takes_up_no_memory_for_ever(running, monkeypatch):
    """Forgotten, they are doubted: who was not noticed is only looked up once more."""
    monkeypatch.setattr(noticed, "MOST", 2)
    look = running.looks
    await off_loop(refresh, 1, 2, 3)
    await running.refresh()
    assert len(running._noticed._looks) <= 2
    assert running.was_noticed(SimpleNamespace(pk=1), look)
    assert not running.was_noticed(SimpleNamespace(pk=1), running.looks)
