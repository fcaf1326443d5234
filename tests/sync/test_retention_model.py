"""Any sequence of writes, prunes and reads, by clients that stop in the middle and go on later.

The rows and who hears them are kept in Python, as for reading; so is what a prune may remove, and
who may be made to start anew by it.
"""

from __future__ import annotations

import datetime
import uuid
from collections import Counter
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import retention
from sync.cursor import Position
from sync.models import LogHead, SyncLog
from sync.publishing import publish
from sync.reading import changes_since, tail
from sync.retention import prune
from tests.support.emptying import empty_log
from tests.support.state import database_state
from tests.sync.aging import grow_older, horizon
from tests.sync.observing import applied
from tests.sync.test_reading_model import (
    EVERYONE,
    MEMO,
    TEAM,
    TEAMS,
    TICKET,
    World,
    audience_sets,
    operations,
    picks,
)
from tests.testapp.models import Memo, Team, Ticket

DAY = datetime.timedelta(days=1)
ROUNDS = 200

limits = st.integers(1, 3)
ages = st.sampled_from([0, 0, 1, 2])
steps = st.one_of(
    st.tuples(st.just("write"), st.lists(operations, min_size=1, max_size=4)),
    st.tuples(st.just("remove"), picks, ages, st.integers(1, 6)),
    st.tuples(st.just("publish")),
    st.tuples(st.just("look")),
    st.tuples(st.just("grow_older"), st.integers(1, 2)),
    st.tuples(
        st.just("prune"),
        ages,
        st.sampled_from([None, None, [MEMO], [TICKET, TEAM]]),
        st.integers(1, 6),
    ),
    st.tuples(st.just("page"), picks, limits),
    st.tuples(st.just("page"), picks, limits),
    st.tuples(st.just("page_up_to_a_relay"), picks, limits),
    st.tuples(st.just("give_up"), picks),
    st.tuples(st.just("ask_by_time"), picks, limits),
    st.tuples(st.just("listen"), picks, limits),
)


class Store:
    """What a client keeps, by the documented rules: a new start fills a fresh store, which takes
    the old one's place at its end."""

    def __init__(self, audiences):
        self.audiences = audiences
        self.kept = {}
        self.fresh = {}
        self.resets = 0

    def take(self, page):
        if page.reset:
            self.resets += 1
            self.fresh = {}
        store = self.kept if self.fresh is None else self.fresh
        store = applied(store, page.changes)
        if self.fresh is None or not page.has_more:
            self.kept, self.fresh = store, None
        else:
            self.fresh = store


class Pager:
    """A client that pages by its cursor."""

    def __init__(self, audiences):
        self.store = Store(audiences)
        self.cursor = None

    @property
    def position(self):
        return None if self.cursor is None else Position.parse(self.cursor)

    def read(self, limit, upto=None):
        start = self.position
        page = changes_since(start, self.store.audiences, limit=limit, upto=upto)
        assert page.reset is (start is not None and start.whole_up_to < horizon())
        self.store.take(page)
        self.cursor = page.position.cursor
        return not page.has_more

    def give_up(self):
        """Lose the connection: a fresh store that is not full, and its cursor, are dropped."""
        if self.store.fresh is not None:
            self.store.fresh = {}
            self.cursor = None


class Clock:
    """A client that knows only times. A snapshot goes on where it was, as on its connection."""

    def __init__(self, audiences):
        self.store = Store(audiences)
        self.start = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)

    def read(self, limit):
        page = changes_since(self.start, self.store.audiences, limit=limit)
        self.store.take(page)
        is_snapshot = page.position.floor is not None
        self.start = page.position if is_snapshot else page.position.published_at
        return not page.has_more

    def grow_older(self, age):
        if isinstance(self.start, datetime.datetime):
            self.start -= age


class Listener:
    """A connected client: it hears the tail, and is caught up where that does not lead on."""

    def __init__(self, audiences):
        self.pager = Pager(audiences)
        self.store = self.pager.store
        self.position = None

    def read(self, limit):
        if self.position is None:
            self.position = tail(None, limit).position
            self._catch_up()
        found = tail(self.position, limit)
        self.position = found.position
        if found.is_replaced:
            self._catch_up()
        else:
            heard = [e for e in found.entries if e.audience in self.store.audiences]
            self.store.kept = applied(self.store.kept, heard)
            self.pager.cursor = found.position.cursor
        return not found.has_more

    def _catch_up(self):
        upto = self.position
        for _ in range(ROUNDS):
            if self.pager.read(2, upto):
                return
        raise AssertionError("the catch-up does not end")


class PrunedLog:
    """Writers, prunes and readers that take turns on a log with some history."""

    def __init__(self, chosen):
        for model in (Memo, Ticket, Team, SyncLog, LogHead):
            model._base_manager.all()._raw_delete("default")
        empty_log()
        made = [Team.objects.create(name=uuid.uuid4().hex) for _ in range(TEAMS)]
        self.world = World([team.pk for team in made])
        for team in made:
            self.world.rows[TEAM, str(team.pk)] = {"id": team.pk, "name": team.name}
        for team in range(TEAMS):
            self.world.run("make_many", 4, team)
        self.relay = None
        self.horizon = 0
        names = [EVERYONE, *(f"team:{team_id}" for team_id in self.world.team_ids)]
        sets = [{names[index] for index in indexes} for indexes in chosen]
        self.pagers = [Pager(audiences) for audiences in sets]
        self.clocks = [Clock(audiences) for audiences in sets[:2]]
        self.listeners = [Listener(audiences) for audiences in sets[:2]]

    def run(self, name, *arguments):
        getattr(self, name)(*arguments)
        for head in LogHead.objects.all():
            assert head.seq >= head.horizon == self.horizon

    def remove(self, pick, days, window):
        self.world.run("remove", pick)
        publish()
        self.prune(days, None, window)

    def write(self, chosen):
        for operation in chosen:
            self.world.run(*operation)

    def publish(self):
        publish()

    def look(self):
        """A relay takes its place at the end of the log, where it may be left behind."""
        self.relay = publish()

    def grow_older(self, days):
        grow_older(days=days)
        for clock in self.clocks:
            clock.grow_older(days * DAY)

    def prune(self, days, tables, window):
        before = {entry.seq: entry for entry in SyncLog.objects.published()}
        newest = set(SyncLog.objects.newest().values_list("seq", flat=True))
        pending = SyncLog.objects.pending().count()
        old = datetime.datetime.now(datetime.UTC) - days * DAY
        with mock.patch.object(retention, "WINDOW", window):
            steps = list(prune(tables=tables, older_than=days * DAY, batch=2))
        left = set(SyncLog.objects.published().values_list("seq", flat=True))
        removed = [entry for seq, entry in before.items() if seq not in left]
        assert {entry.seq for entry in removed} == {
            entry.seq
            for entry in before.values()
            if entry.published_at < old
            and (entry.action == "delete" or entry.seq not in newest)
            and (tables is None or entry.table in tables)
        }
        assert sum((Counter(step.removed) for step in steps), Counter()) == Counter(
            entry.table for entry in removed
        )
        assert SyncLog.objects.pending().count() == pending
        self.horizon = max([self.horizon, *({entry.seq for entry in removed} & newest)])

    def page(self, pick, limit):
        client = self.pagers[pick % len(self.pagers)]
        if client.read(limit):
            self.assert_current(client)

    def page_up_to_a_relay(self, pick, limit):
        if self.relay is None:
            return
        client = self.pagers[pick % len(self.pagers)]
        start = client.position
        reached = 0 if start is None else max(start.witness, start.whole_up_to)
        if reached <= self.relay.seq:
            client.read(limit, upto=self.relay)

    def give_up(self, pick):
        self.pagers[pick % len(self.pagers)].give_up()

    def ask_by_time(self, pick, limit):
        client = self.clocks[pick % len(self.clocks)]
        if client.read(limit):
            self.assert_current(client)

    def listen(self, pick, limit):
        client = self.listeners[pick % len(self.listeners)]
        if client.read(limit):
            self.assert_current(client)

    def assert_current(self, client):
        assert client.store.fresh is None
        assert client.store.kept == self.world.heard_by(client.store.audiences)

    def finish(self):
        assert database_state() == self.world.rows
        newcomers = [Pager(client.store.audiences) for client in self.pagers]
        for client in [*self.pagers, *self.clocks, *self.listeners, *newcomers]:
            for _ in range(ROUNDS):
                if client.read(3):
                    break
            self.assert_current(client)
        assert [client.store.resets for client in newcomers] == [0] * len(newcomers)


@pytest.mark.django_db(transaction=True)
def test_clients_of_a_log_that_is_pruned_at_random_end_equal_to_the_database():
    @settings(max_examples=40, deadline=None)
    @given(st.lists(audience_sets, min_size=2, max_size=3), st.lists(steps, min_size=10))
    def check(chosen, taken):
        log = PrunedLog(chosen)
        for step in taken:
            log.run(*step)
        log.finish()

    check()
