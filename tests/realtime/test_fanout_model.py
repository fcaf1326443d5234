"""Any interleaving of rounds, joining, leaving, holding, falling behind and changing rights.

The event loop is a list of jobs, and a round gives way after every frame or two: between any two of
them anything may happen to any connection. Each client keeps the books.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime import fanout as fanout_module
from realtime.conf import Conf
from realtime.fanout import Fanout
from realtime.frames import Frame
from tests.realtime.doubles import EPOCH, RecordingTransport, connection_of, live_event, position

MAX_HELD = 3
OVER_THE_LIMIT = Conf().MAX_UNSENT_BYTES + 1
AUDIENCES = ["a", "b", "c"]
TABLES = ["tasks", "projects"]
CLIENTS = st.integers(0, 4)


class CheckingTransport(RecordingTransport):
    """Shows each frame to its client while it is sent, and fails where the client says so."""

    def __init__(self, client):
        super().__init__()
        self._client = client

    def send(self, frame):
        if self._client.is_broken:
            raise OSError("the socket is broken")
        for one in frame.each:
            self._client.receive(json.loads(one.text))


class Client:
    """A client that holds everything when it joins, and its connection.

    It has to be sent everything of each audience from where it began to hear it, `since`.
    """

    def __init__(self, world):
        self.world = world
        self.is_broken = False
        self.faults = []
        self.received = []
        self.messages = []
        self.connection = connection_of(None, "a", "b")
        self.connection.transport = CheckingTransport(self)
        self.connection.caught_up = True
        self.connection.on_behind = self.note_behind
        self.since = dict.fromkeys(self.connection.audiences, world.fanout.position.seq)
        self.joined_at = world.fanout.position.seq
        self.waits_for_drain = False
        self.page_from = None
        self.connection.enter(world.fanout)

    def note_behind(self):
        self.waits_for_drain = True

    def receive(self, message):
        if message["type"] == "message":
            self.receive_message(message)
            return
        for event in message.get("events", [message]):
            self.receive_event(event)

    def receive_event(self, event):
        change = event["data"]
        if change["audience"] not in self.connection.audiences:
            self.faults.append(f"leaked {change}")
        if self.connection.tables is not None and change["table"] not in self.connection.tables:
            self.faults.append(f"not asked for {change}")
        number = int(change["recordId"])
        if number <= max(self.received, default=self.joined_at):
            self.faults.append(f"repeated, or out of order: {number} in {self.received}")
        self.received.append(number)
        if "cursor" in event:
            if not self.connection.gives_cursors:
                self.faults.append(f"a cursor that must not be given: {event}")
            self.expect_everything_up_to(number, "at its cursor")

    def receive_message(self, message):
        if not set(message["audiences"]) & self.connection.audiences:
            self.faults.append(f"leaked {message}")
        if message["number"] in self.messages:
            self.faults.append(f"repeated {message}")
        self.messages.append(message["number"])
        if not self.connection.is_held:
            self.expect_everything_up_to(message["after"], "before the message")

    def expect_everything_up_to(self, number, where):
        """Miss nothing that it hears now, from where it began to hear it."""
        missing = [
            event.entry.seq
            for event in self.world.log[:number]
            if self.connection.hears(event)
            and event.entry.seq > self.since[event.audience]
            and event.entry.seq not in self.received
        ]
        if missing:
            self.faults.append(f"{missing} missing {where}")


class AnyInterleaving(RuleBasedStateMachine):
    @initialize(stretch=st.integers(1, 2))
    def begin(self, stretch):
        fanout_module.STRETCH = stretch
        self.jobs = []
        self.fanout = Fanout(self.jobs.append)
        self.fanout.position = position(0)
        self.log = []
        self.under_way = None
        self.clients = [Client(self) for _ in range(5)]
        self.gone = []
        self.sent_messages = 0

    def teardown(self):
        fanout_module.STRETCH = STRETCH

    # The log, the relay that reads it and waits for each round, and the host

    @precondition(lambda self: self.under_way is None or self.under_way.done.is_set())
    @rule(
        changes=st.lists(
            st.tuples(st.sampled_from(["a", *AUDIENCES]), st.sampled_from(TABLES)),
            min_size=1,
            max_size=4,
        )
    )
    def the_relay_reads_on(self, changes):
        first = len(self.log) + 1
        events = [
            live_event(number, audience=audience, table=table)
            for number, (audience, table) in enumerate(changes, first)
        ]
        self.log += events
        self.under_way = self.fanout.begin(events, position(len(self.log)))

    @rule(audience=st.sampled_from(AUDIENCES))
    def the_host_sends_a_message(self, audience):
        self.sent_messages += 1
        text = json.dumps(
            {
                "type": "message",
                "number": self.sent_messages,
                "audiences": [audience],
                "after": self.fanout.position.seq,
            }
        )
        self.fanout.message(Frame(text), audience, None)

    @precondition(lambda self: self.jobs)
    @rule()
    def the_loop_goes_on(self):
        self.jobs.pop(0)()

    # What happens to a connection

    def client(self, number):
        """Those first to whom something is owed, and then those who are stopped."""

        def is_owed_or_stopped(client):
            return (not self.fanout.owes(client.connection), not client.connection.is_stopped)

        return sorted(self.clients, key=is_owed_or_stopped)[number]

    @rule(
        number=CLIENTS,
        trouble=st.sampled_from(["doubt", "doubt", "full", "broken", "leaves", "none"]),
    )
    def a_connection_is_in_trouble_or_well_again(self, number, trouble):
        client = self.client(number)
        client.is_broken = trouble == "broken"
        client.connection.transport.unsent = OVER_THE_LIMIT if trouble == "full" else 0
        if trouble == "doubt":
            client.connection.fall_behind()
        if trouble == "leaves":
            self.leave(client)

    def leave(self, client):
        """And have another one join in its place."""
        was_at = client.connection.position
        self.fanout.forget(client.connection)
        assert client.connection.position == was_at
        client.expect_everything_up_to(was_at.seq, "where it left")
        self.gone.append((client, len(client.received), len(client.messages)))
        self.clients[self.clients.index(client)] = Client(self)

    @rule(
        number=CLIENTS,
        change=st.sampled_from([*AUDIENCES, *AUDIENCES, "batch", "one by one", "some tables"]),
    )
    def what_it_hears_changes(self, number, change):
        client = self.client(number)
        connection = client.connection
        if change == "some tables":
            connection.tables = frozenset(TABLES[:1])
        elif change not in AUDIENCES:
            connection.batch = change == "batch"
        elif change in connection.permitted:
            connection.audiences -= {change}
            connection.gaining -= {change}
            client.since.pop(change, None)
        else:
            connection.gaining |= {change}

    # Catching up, in steps between which anything may happen

    @rule(number=CLIENTS)
    def a_catch_up_begins_or_ends(self, number):
        client = self.client(number)
        if client.connection.is_held:
            self.end_catch_up(client)
        elif client.connection.behind:
            self.drain(client)
        else:
            self.hold(client)

    def hold(self, client):
        """As for a page that it asked for, or for what it gains, which comes as a snapshot."""
        connection = client.connection
        try:
            connection.hold()
        except OSError:
            assert connection.behind
            return
        client.page_from = client.page_upto = self.fanout.position.seq
        gained, connection.gaining = connection.gaining, frozenset()
        connection.audiences |= gained
        client.since |= dict.fromkeys(gained, client.page_upto)

    def drain(self, client):
        assert client.waits_for_drain
        client.waits_for_drain = client.is_broken = False
        client.connection.transport.unsent = 0
        client.page_from = client.connection.position.seq
        client.connection.hold()
        client.page_upto = self.fanout.position.seq

    def end_catch_up(self, client):
        client.is_broken = False
        self.send_page(client)
        while not client.connection.release(self.fanout.position):
            client.page_from = client.page_upto
            client.connection.hold()
            client.page_upto = self.fanout.position.seq
            self.send_page(client)

    def send_page(self, client):
        for event in self.log[client.page_from : client.page_upto]:
            audience = event.audience
            if client.connection.hears(event) and event.entry.seq > client.since[audience]:
                client.connection.send(event.frame_without_cursor)

    # What holds at any time

    @invariant()
    def nothing_is_leaked_repeated_or_out_of_order(self):
        for client in self.clients:
            assert client.faults == []

    @invariant()
    def nothing_is_missing_up_to_where_a_connection_stands(self):
        for client in self.clients:
            client.expect_everything_up_to(client.connection.position.seq, "where it stands")
            if client.connection.cursor is not None:
                assert client.connection.cursor == position_of(client).cursor
            assert client.faults == []

    @invariant()
    def who_is_neither_stopped_nor_owed_anything_has_all_that_the_relay_has_read(self):
        for client in self.clients:
            if not client.connection.is_stopped:
                assert client.connection.position == self.fanout.position

    @invariant()
    def a_round_ends(self):
        if not self.jobs:
            assert self.under_way is None or self.under_way.done.is_set()
            assert not any(self.fanout.owes(one.connection) for one in self.clients)

    @invariant()
    def who_has_left_hears_nothing_more_and_is_forgotten(self):
        for client, events, messages in self.gone:
            assert (len(client.received), len(client.messages)) == (events, messages)
            assert client.connection not in self.fanout._listeners._filed
            assert client.connection not in self.fanout._pending


def position_of(client):
    found = client.connection.position
    assert found.epoch == EPOCH
    return found


STRETCH = fanout_module.STRETCH


@pytest.fixture
def few_held_events(settings):
    settings.REALTIME = {"MAX_HELD_EVENTS": MAX_HELD}


@pytest.mark.usefixtures("few_held_events")
class TestAnyInterleaving(AnyInterleaving.TestCase):
    settings = hypothesis_settings(deadline=None, max_examples=100, stateful_step_count=50)
