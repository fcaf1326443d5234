"""Rounds: whom they reach, and what becomes of who changes while one is under way."""

from __future__ import annotations

import json

import pytest

from realtime import fanout as fanout_module
from realtime.fanout import Fanout
from realtime.frames import Frame
from tests.realtime.doubles import FailingTransport, FillingTransport, connection_of, live_event
from tests.realtime.doubles import position as at


class Loop:
    """An event loop that does what it was asked to when a test says so."""

    def __init__(self):
        self.jobs = []

    def go_on(self):
        self.jobs.pop(0)()

    def finish(self):
        while self.jobs:
            self.go_on()


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def fanout(loop, monkeypatch):
    """A fan-out that gives way after each frame."""
    monkeypatch.setattr(fanout_module, "STRETCH", 1)
    found = Fanout(loop.jobs.append)
    found.position = at(0)
    return found


def joined(fanout, *audiences, **options):
    connection = connection_of(None, *audiences, **options)
    connection.caught_up = True
    connection.enter(fanout)
    return connection


def heard(connection):
    found = []
    for message in connection.transport.messages:
        told = message.get("events", [message])
        found += [
            int(one["data"]["recordId"]) if one["type"] == "event" else one["type"] for one in told
        ]
    return found


def who_is_owed(fanout, *connections):
    return [fanout.owes(one) for one in connections]


def test_who_hears_an_event_is_served_in_stretches(fanout, loop):
    connections = [joined(fanout) for _ in range(3)]
    fanout.begin([live_event(1)], at(1))
    assert sorted(heard(one) for one in connections) == [[], [], [1]]
    loop.go_on()
    assert sorted(heard(one) for one in connections) == [[], [1], [1]]
    loop.go_on()
    assert [heard(one) for one in connections] == [[1], [1], [1]]
    assert loop.jobs == []


def test_a_round_is_done_when_everybody_has_been_served(fanout, loop):
    for _ in range(2):
        joined(fanout)
    changes = fanout.begin([live_event(1)], at(1))
    assert not changes.done.is_set()
    loop.finish()
    assert changes.done.is_set()


def test_who_hears_the_same_shares_the_frames(fanout, loop):
    """Of several audiences as well, and however they come to it."""
    many = [joined(fanout, "team:1", "team:2") for _ in range(2)]
    all_of_it = joined(fanout, "team:1", "team:2", "team:3")
    other = joined(fanout, "team:2")
    for connection in (*many, all_of_it, other):
        connection.batch = True
    fanout.begin([live_event(n, audience=f"team:{n % 2 + 1}") for n in (1, 2, 3)], at(3))
    loop.finish()
    frames = [one.transport.frames for one in (*many, all_of_it)]
    assert [len(found) for found in frames] == [1, 1, 1]
    assert frames[0][0] is frames[1][0] is frames[2][0]
    assert heard(many[0]) == [1, 2, 3]
    assert heard(other) == [1, 3]


def test_what_is_heard_by_several_audiences_comes_in_the_order_of_the_log(fanout, loop):
    connection = joined(fanout, "a", "b", "c")
    held = joined(fanout, "a", "b", "c")
    held.hold()
    names = ["b", "a", "c", "a", "b"]
    events = [live_event(n, audience=name) for n, name in enumerate(names, 1)]
    fanout.begin(events, at(5))
    loop.finish()
    held.release(fanout.position)
    assert heard(connection) == heard(held) == [1, 2, 3, 4, 5]


def test_an_event_touches_nobody_else(fanout, loop):
    connection = joined(fanout, "team:1")
    del connection.transport
    fanout.begin([live_event(1)], at(1))
    assert loop.jobs == []
    assert connection.position == at(1)


@pytest.fixture
def owed(fanout):
    """A connection to which the round under way owes its events, 1 and 2."""
    served, owed = joined(fanout), joined(fanout)
    joined(fanout)  # the one that was served
    changes = fanout.begin([live_event(1), live_event(2)], at(2))
    assert set(changes.pending) == {served, owed}
    return owed


def test_who_is_owed_something_stands_before_the_round(fanout, loop, owed):
    assert owed.position == at(0)
    assert owed.cursor == at(0).cursor
    assert owed.is_stopped
    loop.finish()
    assert owed.position == at(2)
    assert not owed.is_stopped


def test_who_joins_during_a_round_stands_behind_it(fanout, loop, owed):
    late = joined(fanout)
    assert late.position == at(2)
    loop.finish()
    assert heard(late) == []


def test_who_leaves_during_a_round_stands_before_it(fanout, loop, owed):
    fanout.forget(owed)
    loop.finish()
    assert heard(owed) == []
    assert owed.position == at(0)


def test_who_falls_behind_during_a_round_stands_before_it(fanout, loop, owed):
    owed.fall_behind()
    loop.finish()
    assert heard(owed) == []
    assert owed.position == at(0)


def test_who_is_to_be_held_is_served_before(fanout, loop, owed):
    owed.hold()
    assert heard(owed) == [1, 2]
    assert owed.position == at(2)
    loop.finish()
    assert owed.release(fanout.position)
    assert heard(owed) == [1, 2]


def test_who_is_to_be_held_is_served_before_whatever_it_has_unread(fanout, loop, owed, settings):
    """Else holding would end that it is behind, and what it was not sent would be lost."""
    settings.REALTIME = {"MAX_UNSENT_BYTES": 0}
    owed.transport = FillingTransport()
    owed.hold()
    assert heard(owed) == [1, 2]
    assert not owed.behind


def test_who_cannot_be_sent_to_when_it_is_to_be_held_is_behind(fanout, loop, owed):
    owed.transport = FailingTransport()
    with pytest.raises(OSError, match="broken"):
        owed.hold()
    assert owed.behind
    assert not owed.is_held
    assert owed.position == at(0)
    loop.finish()


def test_who_falls_behind_while_it_is_caught_up_goes_on_behind_the_pages(fanout, loop):
    """From where it stood before, it would be sent the same pages once more."""
    connection = joined(fanout)
    connection.fall_behind()
    fanout.begin([live_event(1)], at(1))
    connection.hold()
    fanout.begin([live_event(2)], at(2))
    connection.fall_behind()
    assert connection.position == at(0)
    assert connection.release(fanout.position)
    assert connection.position == at(1)
    assert heard(connection) == []


def test_what_is_lost_during_a_round_is_not_heard(fanout, loop):
    for _ in range(2):
        joined(fanout, "team:1", "team:2")
    loser = joined(fanout, "team:1", "team:2")
    joined(fanout, "team:1")
    fanout.begin([live_event(1, audience="team:1"), live_event(2, audience="team:2")], at(2))
    assert fanout.owes(loser)
    loser.audiences -= {"team:1"}
    loop.finish()
    assert heard(loser) == [2]


def test_who_may_not_be_given_cursors_any_more_gets_none_of_a_round_under_way(fanout, loop, owed):
    owed.gaining = frozenset({"staff"})
    loop.finish()
    assert [message.get("cursor") for message in owed.transport.messages] == [None, None]
    assert heard(owed) == [1, 2]


def test_who_narrows_or_batches_during_a_round_gets_it_so(fanout, loop, owed):
    owed.batch = True
    loop.finish()
    [message] = owed.transport.messages
    assert message["type"] == "events"


def test_what_one_transport_does_is_no_others_loss(fanout, loop, caplog):
    connections = [joined(fanout) for _ in range(3)]
    connections[1].transport = FailingTransport()
    fanout.begin([live_event(1), live_event(2)], at(2))
    loop.finish()
    assert [heard(one) for one in connections] == [[1, 2], [], [1, 2]]
    assert connections[1].behind
    assert connections[1].position == at(0)
    assert caplog.text.count("could not be served live") == 1


def test_what_goes_wrong_while_somebody_falls_behind_ends_no_round(fanout, loop):
    connections = [joined(fanout) for _ in range(3)]

    def fail():
        raise RuntimeError("out of order")

    connections[1].transport, connections[1].on_behind = FailingTransport(), fail
    changes = fanout.begin([live_event(1)], at(1))
    with pytest.raises(RuntimeError):
        loop.finish()
    loop.finish()
    assert changes.done.is_set()
    assert [heard(one) for one in connections] == [[1], [], [1]]


def test_rounds_follow_each_other(fanout, loop):
    connections = [joined(fanout) for _ in range(2)]
    fanout.begin([live_event(1)], at(1))
    fanout.message(Frame('{"type":"hello"}'), "everyone", None)
    fanout.begin([live_event(2)], at(2))
    assert fanout.position == at(1)
    loop.finish()
    assert [heard(one) for one in connections] == [[1, "hello", 2]] * 2


def test_a_message_is_for_an_audience_or_a_client(fanout, loop):
    laptop, phone = joined(fanout), joined(fanout, "team:1", client_id="phone")
    fanout.message(Frame('{"type":"to everyone"}'), "everyone", None)
    fanout.message(Frame('{"type":"to the phone"}'), None, "phone")
    loop.finish()
    assert (heard(laptop), heard(phone)) == (["to everyone"], ["to the phone"])


def test_a_message_reaches_who_is_held_or_has_narrowed_its_tables(fanout, loop):
    held, narrow = joined(fanout), joined(fanout)
    held.hold()
    narrow.tables = frozenset()
    fanout.message(Frame('{"type":"news"}'), "everyone", None)
    loop.finish()
    assert heard(held) == heard(narrow) == ["news"]


@pytest.mark.parametrize("change", ["lose", "leave", "fall behind", "become nobody"])
def test_a_message_under_way_does_not_reach_whose_it_is_no_more(fanout, loop, change):
    connections = [joined(fanout) for _ in range(3)]
    fanout.message(Frame('{"type":"news"}'), "everyone", None)
    changed = next(one for one in connections if not heard(one))
    match change:
        case "lose":
            changed.audiences = frozenset()
        case "leave":
            fanout.forget(changed)
        case "fall behind":
            changed.fall_behind()
        case "become nobody":
            changed.identity = None
    loop.finish()
    assert sorted(heard(one) for one in connections) == [[], ["news"], ["news"]]
    assert heard(changed) == []


def test_a_message_under_way_reaches_who_is_held_meanwhile(fanout, loop):
    connections = [joined(fanout) for _ in range(2)]
    fanout.message(Frame('{"type":"news"}'), "everyone", None)
    for connection in connections:
        connection.hold()
    loop.finish()
    assert [heard(one) for one in connections] == [["news"], ["news"]]


@pytest.mark.parametrize("is_held", [True, False])
def test_messages_are_not_kept_for_who_does_not_read(fanout, loop, settings, is_held):
    settings.REALTIME = {"MAX_UNSENT_BYTES": 10}
    connection = joined(fanout)
    connection.transport = FillingTransport()
    if is_held:
        connection.hold()
    for _ in range(3):
        fanout.message(Frame(json.dumps({"type": "news"})), "everyone", None)
        loop.finish()
    assert heard(connection) == ["news"]
    assert connection.behind is not is_held


def test_a_message_that_cannot_be_sent_is_no_others_loss(fanout, loop, caplog):
    connections = [joined(fanout) for _ in range(2)]
    connections[0].transport = FailingTransport()
    fanout.message(Frame('{"type":"news"}'), "everyone", None)
    loop.finish()
    assert [heard(one) for one in connections] == [[], ["news"]]
    assert connections[0].behind
    assert "could not be sent a message" in caplog.text


def test_what_is_under_way_ends_with_the_relay(fanout, loop):
    connections = [joined(fanout) for _ in range(3)]
    fanout.begin([live_event(1)], at(1))
    fanout.stop()
    loop.finish()
    assert fanout.position is None
    assert sorted(heard(one) for one in connections) == [[], [], [1]]
