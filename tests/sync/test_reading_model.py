"""Any sequence of writes, commits, rollbacks and reads against a model of the log.

The model is what the operations mean, kept in Python and never read from the database: the rows,
who hears them, and the order in which the commits changed them.
"""

from __future__ import annotations

import uuid
from itertools import islice

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run

from sync.cursor import Position
from sync.models import LogHead, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.emptying import empty_log
from tests.support.state import database_state
from tests.sync.observing import applied, brief, published
from tests.testapp.models import Memo, Team, Ticket

MEMO, TICKET, TEAM = (model._meta.db_table for model in (Memo, Ticket, Team))
EVERYONE = "everyone"
TEAMS = 3

texts = st.sampled_from(["a", "b", "c"])
picks = st.integers(0, 100)
teams = st.integers(0, TEAMS - 1)
operations = st.one_of(
    st.tuples(st.just("make"), teams, texts),
    st.tuples(st.just("make_many"), st.integers(2, 5), teams),
    st.tuples(st.just("write"), picks, texts),
    st.tuples(st.just("write_all"), texts),
    st.tuples(st.just("move"), picks, teams),
    st.tuples(st.just("move_all"), teams),
    st.tuples(st.just("touch"), picks),
    st.tuples(st.just("remove"), picks),
    st.tuples(st.just("remove_written"), texts),
    st.tuples(st.just("make_again"), teams),
    st.tuples(st.just("ticket"), texts),
)
audience_sets = st.sets(st.integers(0, TEAMS), min_size=1)


class World:
    """The rows and the changes that some operations have led to."""

    def __init__(self, team_ids, rows=(), log=(), removed=()):
        self.team_ids = team_ids
        self.rows = dict(rows)
        self.log = [list(group) for group in log]
        self.removed = list(removed)

    def copy(self):
        return World(self.team_ids, self.rows, self.log, self.removed)

    def memos(self):
        return [values for (table, _), values in self.rows.items() if table == MEMO]

    def run(self, name, *arguments):
        """Run one operation; its changes are one group, within which no order is promised."""
        self.log.append([])
        getattr(self, name)(*arguments)

    def make(self, team, text, pk=None):
        memo = Memo.objects.create(pk=pk, team_id=self.team_ids[team], text=text)
        self._put("insert", memo)

    def make_many(self, count, team):
        team_id = self.team_ids[team]
        made = Memo.objects.bulk_create([Memo(team_id=team_id, text="a") for _ in range(count)])
        for memo in made:
            self._put("insert", memo)

    def make_again(self, team):
        if self.removed:
            self.make(team, "again", pk=self.removed.pop())

    def write(self, pick, text):
        for memo in self._pick(pick):
            memo.text = text
            memo.save(update_fields=["text"])
            self._put("update", memo)

    def touch(self, pick):
        for memo in self._pick(pick):
            memo.save()
            self._put("update", memo)

    def move(self, pick, team):
        for memo in self._pick(pick):
            memo.team_id = self.team_ids[team]
            memo.save()
            self._put("update", memo)

    def write_all(self, text):
        Memo.objects.update(text=text)
        for values in self.memos():
            self._put("update", Memo(**values | {"text": text}))

    def move_all(self, team):
        Memo.objects.update(team=self.team_ids[team])
        for values in self.memos():
            self._put("update", Memo(**values | {"team_id": self.team_ids[team]}))

    def remove(self, pick):
        for memo in self._pick(pick):
            self._drop(memo.pk)
            memo.delete()

    def remove_written(self, text):
        Memo.objects.filter(text=text).delete()
        for values in self.memos():
            if values["text"] == text:
                self._drop(values["id"])

    def ticket(self, text):
        ticket = Ticket.objects.create(subject=text)
        self.rows[TICKET, str(ticket.pk)] = {"id": str(ticket.pk), "subject": text}
        self.log[-1].append((TICKET, str(ticket.pk), "insert"))

    def heard_by(self, audiences):
        """Return the rows that these audiences hear, as a client of them has to hold them."""
        return {
            key: values
            for key, values in self.rows.items()
            if (f"team:{values['team_id']}" if key[0] == MEMO else EVERYONE) in audiences
        }

    def _pick(self, pick):
        memos = self.memos()
        return [Memo(**memos[pick % len(memos)])] if memos else []

    def _put(self, action, memo):
        values = {"id": memo.pk, "team_id": memo.team_id, "text": memo.text}
        if self.rows.get((MEMO, str(memo.pk))) == values:
            return  # a save that changed nothing is not kept
        self.rows[MEMO, str(memo.pk)] = values
        self.log[-1].append((MEMO, str(memo.pk), action))

    def _drop(self, pk):
        del self.rows[MEMO, str(pk)]
        self.removed.append(pk)
        self.log[-1].append((MEMO, str(pk), "delete"))


class Client:
    """A client's store and the text of its cursor."""

    def __init__(self, audiences):
        self.audiences = audiences
        self.cursor = None
        self.store = {}

    def read(self, limit):
        start = None if self.cursor is None else Position.parse(self.cursor)
        page = changes_since(start, self.audiences, limit=limit)
        assert not page.reset
        self.store = applied(self.store, page.changes)
        self.cursor = page.position.cursor
        return page


class LogMachine(RuleBasedStateMachine):
    """Writers that take turns, and clients that read when they please."""

    def __init__(self):
        super().__init__()
        for model in (Memo, Ticket, Team, SyncLog, LogHead):
            model._base_manager.all()._raw_delete("default")
        empty_log()
        made = [Team.objects.create(name=uuid.uuid4().hex) for _ in range(TEAMS)]
        self.world = World([team.pk for team in made])
        for team in made:
            self.world.rows[TEAM, str(team.pk)] = {"id": team.pk, "name": team.name}
            self.world.log.append([(TEAM, str(team.pk), "insert")])
        self.clients = []

    @initialize(chosen=st.lists(audience_sets, min_size=2, max_size=3))
    def connect(self, chosen):
        names = [EVERYONE, *(f"team:{team_id}" for team_id in self.world.team_ids)]
        self.clients = [Client({names[index] for index in indexes}) for indexes in chosen]

    @rule(operation=operations)
    def write(self, operation):
        self.world.run(*operation)

    @rule(before=st.lists(operations, max_size=3), operations=st.lists(operations, max_size=3))
    def commit(self, before, operations):
        with transaction.atomic():
            for operation in before:
                self.world.run(*operation)
            with transaction.atomic():
                for operation in operations:
                    self.world.run(*operation)

    @rule(operations=st.lists(operations, min_size=1, max_size=3))
    def roll_back(self, operations):
        world = self.world.copy()
        with transaction.atomic():
            for operation in operations:
                world.run(*operation)
            transaction.set_rollback(True)

    @rule(
        before=st.lists(operations, max_size=2),
        operations=st.lists(operations, min_size=1, max_size=2),
        after=st.lists(operations, max_size=2),
    )
    def roll_back_to_a_savepoint(self, before, operations, after):
        with transaction.atomic():
            for operation in before:
                self.world.run(*operation)
            kept = self.world.copy()
            with transaction.atomic():
                for operation in operations:
                    self.world.run(*operation)
                transaction.set_rollback(True)
            self.world = kept
            for operation in after:
                self.world.run(*operation)

    @rule()
    def publish(self):
        publish()

    @rule(pick=picks, limit=st.integers(1, 5))
    def read(self, pick, limit):
        client = self.clients[pick % len(self.clients)]
        page = client.read(limit)
        if not page.has_more:
            assert client.store == self.world.heard_by(client.audiences)

    def teardown(self):
        assert database_state() == self.world.rows
        publish()
        log = published()
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        told = iter([brief([entry])[0] for entry in log if entry.cause != "moved"])
        for group in self.world.log:
            assert sorted(islice(told, len(group))) == sorted(group)
        assert list(told) == []
        for client in [*self.clients, *(Client(client.audiences) for client in self.clients)]:
            for _ in range(len(log) + 1):
                if not client.read(limit=3).has_more:
                    break
            assert client.store == self.world.heard_by(client.audiences)


@pytest.mark.django_db(transaction=True)
def test_a_client_that_reads_at_random_ends_equal_to_the_database():
    run(LogMachine, settings=settings(max_examples=40, stateful_step_count=15, deadline=None))
