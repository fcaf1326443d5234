"""One connection: who hears what, what waits while it catches up, and when it falls behind."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from realtime.codes import CloseCode
from realtime.conf import Conf
from realtime.frames import Frame
from realtime.share import BATCH_BYTES
from tests.realtime.doubles import FillingTransport, connection_of, live_event, position


@pytest.fixture
def connection():
    connection = connection_of()
    connection.position = position(0)
    connection.caught_up = True
    return connection


def heard(connection):
    """The records the client has heard of live, in order."""
    found = []
    for message in connection.transport.messages:
        events = message["events"] if message["type"] == "events" else [message]
        found += [int(event["data"]["recordId"]) for event in events]
    return found


def test_a_live_event_is_sent_at_once_and_moves_the_position(connection):
    connection.deliver([live_event(1), live_event(2)], position(2))
    assert heard(connection) == [1, 2]
    assert connection.position == position(2)
    assert connection.cursor == position(2).cursor


def test_an_event_of_another_audience_is_not_sent_but_moves_the_position(connection):
    connection.deliver([live_event(1, audience="project:9")], position(1))
    assert heard(connection) == []
    assert connection.cursor == position(1).cursor


def test_a_connection_without_audiences_hears_nothing(connection):
    connection.audiences = frozenset()
    connection.deliver([live_event(1)], position(1))
    assert heard(connection) == []


def test_only_the_tables_asked_for_are_heard(connection):
    connection.tables = frozenset({"projects"})
    connection.deliver([live_event(1), live_event(2, table="projects")], position(2))
    assert heard(connection) == [2]
    connection.tables = frozenset()
    connection.deliver([live_event(3), live_event(4, table="projects")], position(4))
    assert heard(connection) == [2]


def test_a_client_that_has_not_caught_up_gets_events_without_cursors(connection):
    connection.caught_up = False
    connection.deliver([live_event(1)], position(1))
    [message] = connection.transport.messages
    assert "cursor" not in message
    assert connection.cursor is None


@pytest.mark.parametrize("due", [{"gaining": frozenset({"staff"})}, {"is_outdated": True}])
def test_a_client_that_is_due_what_it_gained_or_lost_gets_events_without_cursors(connection, due):
    """A stored cursor from after a change of rights would say that the client knows of it."""
    for name, value in due.items():
        setattr(connection, name, value)
    connection.deliver([live_event(1)], position(1))
    [message] = connection.transport.messages
    assert "cursor" not in message
    assert connection.cursor is None


def test_a_batching_client_gets_several_events_in_one_frame(connection):
    connection.batch = True
    connection.deliver([live_event(1), live_event(2)], position(2))
    [message] = connection.transport.messages
    assert message["type"] == "events"
    assert message["events"] == [json.loads(live_event(n).frame.text) for n in (1, 2)]


def test_a_batching_client_gets_a_single_event_as_it_is(connection):
    connection.batch = True
    connection.deliver([live_event(1)], position(1))
    assert connection.transport.frames[0].text == live_event(1).frame.text


def test_a_batch_of_a_client_that_has_not_caught_up_holds_no_cursor(connection):
    connection.batch, connection.caught_up = True, False
    connection.deliver([live_event(1), live_event(2)], position(2))
    assert "cursor" not in connection.transport.frames[0].text


def test_nothing_is_sent_and_no_cursor_given_while_held(connection):
    connection.hold()
    connection.deliver([live_event(1)], position(1))
    assert heard(connection) == []
    assert connection.cursor is None
    assert connection.is_held


def test_what_was_held_is_let_go_in_order(connection):
    connection.hold()
    connection.deliver([live_event(1)], position(1))
    connection.deliver([live_event(2), live_event(3, audience="other")], position(3))
    assert connection.release(position(3))
    assert heard(connection) == [1, 2]
    assert connection.cursor == position(3).cursor
    connection.deliver([live_event(4)], position(4))
    assert heard(connection) == [1, 2, 4]


def test_letting_go_without_having_held_anything_moves_to_the_relays_position(connection):
    connection.hold()
    assert connection.release(position(5))
    assert connection.position == position(5)
    assert heard(connection) == []


def test_a_message_that_is_no_change_is_not_held(connection):
    connection.hold()
    connection.send(Frame('{"type":"pong"}'))
    assert connection.transport.messages == [{"type": "pong"}]


def test_when_too_much_comes_meanwhile_nothing_is_let_go(connection, settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": 2}
    connection.hold()
    connection.deliver([live_event(n) for n in (1, 2, 3)], position(3))
    connection.deliver([live_event(4)], position(4))
    assert not connection.release(position(4))
    assert heard(connection) == []
    assert connection.is_held


def test_what_others_hear_does_not_fill_the_held_events(connection, settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": 1}
    connection.hold()
    connection.deliver([live_event(n, audience="other") for n in range(1, 50)], position(49))
    connection.deliver([live_event(50)], position(50))
    assert connection.release(position(50))
    assert heard(connection) == [50]


def test_after_an_overflow_holding_begins_anew(connection, settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": 1}
    connection.hold()
    connection.deliver([live_event(1), live_event(2)], position(2))
    connection.hold()
    connection.deliver([live_event(3)], position(3))
    assert connection.release(position(3))
    assert heard(connection) == [3]


def test_a_client_that_does_not_read_is_sent_no_more_than_the_limit(connection, settings):
    settings.REALTIME = {"MAX_UNSENT_BYTES": 100}
    asked = []
    connection.on_behind = lambda: asked.append("drain")
    connection.transport.unsent = 101
    connection.deliver([live_event(1)], position(1))
    connection.deliver([live_event(2)], position(2))
    connection.deliver([live_event(3)], position(3))
    assert heard(connection) == [1]
    assert connection.position == position(1)
    assert asked == ["drain"]


def test_a_client_that_stops_reading_amid_many_changes_is_sent_no_more_of_them(
    connection, settings
):
    settings.REALTIME = {"MAX_UNSENT_BYTES": 100}
    connection.transport = FillingTransport()
    connection.deliver([live_event(n) for n in range(1, 50)], position(49))
    assert heard(connection) == [1]
    assert connection.behind
    assert connection.position == position(1)


def test_many_large_changes_are_not_put_into_one_frame(connection):
    connection.batch = True
    large = f'{{"notes":"{"x" * BATCH_BYTES}"}}'
    connection.deliver([live_event(n, data=large) for n in (1, 2)], position(2))
    connection.deliver([live_event(n) for n in (3, 4)], position(4))
    assert [message["type"] for message in connection.transport.messages] == [
        "event",
        "event",
        "events",
    ]


def test_a_client_that_is_behind_is_given_no_cursor(connection):
    connection.fall_behind()
    assert connection.cursor is None


def test_unsent_bytes_at_the_limit_are_still_fine(connection, settings):
    settings.REALTIME = {"MAX_UNSENT_BYTES": 100}
    connection.transport.unsent = 100
    connection.deliver([live_event(1)], position(1))
    assert not connection.behind


def test_falling_behind_twice_asks_once(connection):
    asked = []
    connection.on_behind = lambda: asked.append("drain")
    connection.fall_behind()
    connection.fall_behind()
    assert asked == ["drain"]


def test_a_client_without_a_position_has_no_cursor():
    connection = connection_of()
    connection.caught_up = True
    assert connection.cursor is None


@pytest.mark.parametrize(
    ("code", "reconnect"), [(CloseCode.RESTARTING, True), (CloseCode.BAD_TOKEN, False)]
)
def test_a_goodbye_says_why_before_the_close(connection, code, reconnect):
    connection.goodbye(code, "For a reason.", 1.25)
    assert connection.transport.messages == [
        {
            "type": "goodbye",
            "code": int(code),
            "reason": "For a reason.",
            "reconnect": reconnect,
            "retryAfterMs": 1250,
        }
    ]
    assert connection.transport.closed == (code, "For a reason.")


def test_a_goodbye_without_a_time_leaves_it_out_and_zero_is_a_time(connection):
    connection.goodbye(CloseCode.SLOW, "Slow.")
    assert "retryAfterMs" not in connection.transport.messages[0]
    other = connection_of()
    other.goodbye(CloseCode.SLOW, "Slow.", 0)
    assert other.transport.messages[0]["retryAfterMs"] == 0


MAX_HELD = 3
OVER_THE_LIMIT = Conf().MAX_UNSENT_BYTES + 1


class ClientOfAConnection(RuleBasedStateMachine):
    """A log, a relay that reads it, a connection, and the client at its other end.

    The rules are the steps of the relay and of a catch-up, in any order in which they can come
    about. A page stands for what `changes_since` reads: it ends at the position at which holding
    began. The client keeps the books: it expects every event of its audience after the position
    at which it joined, or from the beginning once it has asked for what it missed, each once, in
    order.
    """

    @initialize(joined_at=st.integers(0, 3), knows_the_past=st.booleans(), batch=st.booleans())
    def join(self, joined_at, knows_the_past, batch):
        self.log = [live_event(n) for n in range(1, joined_at + 1)]
        self.read = joined_at
        self.connection = connection_of()
        self.connection.position = position(joined_at)
        self.connection.caught_up = self.holds_all = knows_the_past
        self.connection.batch = batch
        self.connection.on_behind = self.note_behind
        self.page_from = self.page_upto = self.joined_at = joined_at
        self.waits_for_drain = False
        self.client = []

    def note_behind(self):
        assert not self.waits_for_drain, "a drain was asked for although one is under way"
        self.waits_for_drain = True

    @rule(audiences=st.lists(st.sampled_from(["everyone", "other"]), min_size=1, max_size=4))
    def publish(self, audiences):
        for audience in audiences:
            self.log.append(live_event(len(self.log) + 1, audience=audience))

    @precondition(lambda self: self.read < len(self.log))
    @rule(data=st.data())
    def the_relay_reads_on(self, data):
        upto = data.draw(st.integers(self.read + 1, len(self.log)), label="upto")
        events, self.read = self.log[self.read : upto], upto
        self.connection.deliver(events, position(upto))
        self.collect()

    @rule()
    def the_client_stops_reading(self):
        self.connection.transport.unsent = OVER_THE_LIMIT

    @rule()
    def the_client_reads_again(self):
        self.connection.transport.unsent = 0

    @precondition(lambda self: not self.connection.is_held and not self.connection.behind)
    @rule()
    def the_client_asks_for_what_it_misses(self):
        if self.holds_all:
            self.begin(self.connection.position.seq)
            return
        self.client, self.joined_at, self.holds_all = [], 0, True
        self.begin(0)

    @precondition(lambda self: self.waits_for_drain and not self.connection.transport.unsent)
    @rule()
    def the_connection_is_drained(self):
        assert self.connection.behind
        self.waits_for_drain = False
        self.begin(self.connection.position.seq)

    def begin(self, start):
        self.page_from, self.page_upto = start, self.read
        self.connection.caught_up = False
        self.connection.hold()

    @precondition(lambda self: self.connection.is_held and self.page_from < self.page_upto)
    @rule(data=st.data())
    def a_page_that_is_not_the_last_is_sent(self, data):
        end = data.draw(st.integers(self.page_from, self.page_upto), label="end of page")
        self.send_page(end)

    @precondition(lambda self: self.connection.is_held)
    @rule()
    def the_last_page_is_sent_and_the_connection_released(self):
        self.send_page(self.page_upto)
        self.connection.caught_up = self.holds_all
        overflowed = not self.connection.release(position(self.read))
        if overflowed:
            self.begin(self.page_upto)
        elif not self.connection.behind:
            assert self.connection.position == position(self.read)
        self.collect()

    def send_page(self, end):
        for event in self.log[self.page_from : end]:
            if self.connection.hears(event):
                self.connection.send(event.frame_without_cursor)
        self.page_from = end
        self.collect()

    def collect(self):
        for message in self.connection.transport.messages:
            events = message["events"] if message["type"] == "events" else [message]
            for event in events:
                self.client.append(int(event["data"]["recordId"]))
                if "cursor" in event:
                    assert self.holds_all
                    assert self.client == self.expected(self.client[-1])
        self.connection.transport.frames.clear()

    def expected(self, upto):
        heard_by_it = self.log[self.joined_at : upto]
        return [event.entry.seq for event in heard_by_it if event.audience == "everyone"]

    @invariant()
    def the_client_has_each_event_once_and_in_order_up_to_where_it_stands(self):
        assert self.client == self.expected(len(self.log))[: len(self.client)]

    @invariant()
    def a_connection_that_is_neither_held_nor_behind_has_all_that_the_relay_has_read(self):
        if not self.connection.is_held and not self.connection.behind:
            assert self.client == self.expected(self.read)

    @invariant()
    def a_cursor_is_given_only_to_a_client_that_has_everything_before_it(self):
        cursor = self.connection.cursor
        if cursor is not None:
            assert self.holds_all
            assert cursor == position(self.read).cursor
            assert self.client == self.expected(self.read)


@pytest.fixture
def few_held_events(settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": MAX_HELD}


@pytest.mark.usefixtures("few_held_events")
class TestAnyInterleaving(ClientOfAConnection.TestCase):
    settings = hypothesis_settings(deadline=None, max_examples=200, stateful_step_count=40)
