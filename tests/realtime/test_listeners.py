"""The index of who hears what: it says what asking every connection would say."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime.fanout import Fanout
from realtime.share import Form
from tests.realtime.doubles import connection_of, live_event, position

AUDIENCES = ["everyone", "team:1", "team:2"]
TABLES = ["tasks", "projects"]
CLIENTS = ["laptop", "phone"]
NUMBERS = st.integers(0, 3)
SOME_AUDIENCES = st.frozensets(st.sampled_from(AUDIENCES))


class IndexOfConnections(RuleBasedStateMachine):
    """Connections of which anything changes, in any order, and an index that is asked now and
    then: what it says is compared with the answers of the connections themselves."""

    @initialize()
    def begin(self):
        self.fanout = Fanout(lambda job: None)
        self.fanout.position = position(1)
        self.connections = [connection_of() for _ in range(4)]
        self.members = []

    @rule(number=NUMBERS)
    def join(self, number):
        connection = self.connections[number]
        if connection not in self.members:
            self.members.append(connection)
            connection.enter(self.fanout)

    @precondition(lambda self: self.members)
    @rule(number=NUMBERS)
    def leave(self, number):
        connection = self.connections[number]
        if connection in self.members:
            self.members.remove(connection)
            self.fanout.forget(connection)

    @rule(number=NUMBERS, audiences=SOME_AUDIENCES, gaining=SOME_AUDIENCES)
    def change_rights(self, number, audiences, gaining):
        self.connections[number].audiences = audiences
        self.connections[number].gaining = gaining - audiences

    @rule(number=NUMBERS, tables=st.none() | st.frozensets(st.sampled_from(TABLES)))
    def narrow(self, number, tables):
        self.connections[number].tables = tables

    @rule(
        number=NUMBERS,
        name=st.sampled_from(["batch", "caught_up", "is_outdated", "behind"]),
        value=st.booleans(),
    )
    def switch(self, number, name, value):
        setattr(self.connections[number], name, value)

    @rule(number=NUMBERS, client_id=st.none() | st.sampled_from(CLIENTS))
    def become(self, number, client_id):
        connection = self.connections[number]
        known = connection_of(client_id=client_id or "").identity
        connection.identity = client_id and dataclasses.replace(known, client_id=client_id)

    @rule(number=NUMBERS)
    def hold(self, number):
        self.connections[number].hold()

    @rule(number=NUMBERS)
    def let_go(self, number):
        self.connections[number].release(position(1))

    @rule(number=NUMBERS)
    def fall_behind(self, number):
        self.connections[number].fall_behind()

    @rule(audience=st.sampled_from(AUDIENCES), table=st.sampled_from(TABLES))
    def look_for_who_hears_an_event(self, audience, table):
        event = live_event(1, audience=audience, table=table)
        found = [
            (connection, lane.manner.is_held, lane.manner.form)
            for lane in self.fanout._listeners.lanes(audience)
            if lane.heard([event])
            for connection in lane.members
        ]
        assert len(found) == len(set(found))
        assert set(found) == {
            (one, one.is_held, Form(one.batch, one.caught_up and not one.is_due))
            for one in self.members
            if one.identity is not None and not one.behind and one.hears(event)
        }

    @rule(client_id=st.sampled_from(CLIENTS))
    def look_for_a_client(self, client_id):
        assert set(self.fanout._listeners.of_client(client_id)) == {
            one
            for one in self.members
            if one.identity is not None and not one.behind and one.identity.client_id == client_id
        }

    @precondition(lambda self: not self.members)
    @invariant()
    def of_nobody_nothing_is_kept(self):
        kept = vars(self.fanout._listeners)
        assert not any(kept.values()), kept


class TestAnyChanges(IndexOfConnections.TestCase):
    settings = hypothesis_settings(deadline=None, max_examples=150, stateful_step_count=40)


@pytest.fixture
def fanout():
    return Fanout(lambda job: None)


def test_who_hears_an_audience_once_more_is_where_it_was(fanout):
    """Between two looks only the difference counts: holding for a moment moves nobody."""
    connection = connection_of(None, *AUDIENCES)
    connection.enter(fanout)
    [before] = fanout._listeners.lanes("everyone")
    connection.hold()
    connection.release(position(1))
    connection.audiences -= {"team:1"}
    [after] = fanout._listeners.lanes("everyone")
    assert after is before
    assert not fanout._listeners.lanes("team:1")
