"""Any history of a record, redacted at any moment: no entry holds a value, no client lacks a state.

The values are marked, so that one that slips through is found wherever it is.
"""

from __future__ import annotations

import uuid

import pytest
from django.db import connection, transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run

import sync
from sync import rewriting
from sync.cursor import Position
from sync.models import LogHead, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.emptying import empty_log
from tests.support.state import database_state
from tests.sync.observing import applied, published
from tests.testapp.models import Memo, Team

PK = 7
MEMO = (Memo._meta.db_table, str(PK))
MARK = "marked-value"
TEAMS = 2

teams = st.integers(0, TEAMS - 1)
texts = st.sampled_from(["a", "b", ""])
writes = st.one_of(
    st.tuples(st.just("make"), teams, texts),
    st.tuples(st.just("write"), texts),
    st.tuples(st.just("move"), teams),
    st.tuples(st.just("touch")),
    st.tuples(st.just("remove")),
    st.tuples(st.just("redact")),
)


def marked(text):
    return f"{MARK}-{text}" if text else ""


class Client:
    """A client's store and the text of its cursor."""

    def __init__(self, audiences):
        self.audiences = audiences
        self.cursor = None
        self.store = {}

    def read(self, limit):
        start = None if self.cursor is None else Position.parse(self.cursor)
        page = changes_since(start, self.audiences, limit=limit)
        self.store = applied(self.store, page.changes)
        self.cursor = page.position.cursor
        return page


class RedactionMachine(RuleBasedStateMachine):
    """One record that is made, written, moved, removed and redacted, and clients that follow."""

    def __init__(self):
        super().__init__()
        for model in (Memo, Team, SyncLog, LogHead):
            model._base_manager.all()._raw_delete("default")
        empty_log()
        self.teams = [Team.objects.create(name=uuid.uuid4().hex) for _ in range(TEAMS)]
        self.is_blank = False
        """Whether the newest of the log has nothing where the table has an empty text."""
        self.other = Memo.objects.create(pk=PK + 1, team=self.teams[0], text="other")

    @initialize(chosen=st.lists(st.sets(teams, min_size=1), min_size=1, max_size=2))
    def connect(self, chosen):
        names = [f"team:{team.pk}" for team in self.teams]
        self.clients = [Client({"everyone", *(names[i] for i in indexes)}) for indexes in chosen]
        self.apply("make", 0, "a")

    @rule(operation=writes)
    def write_one(self, operation):
        self.apply(*operation)

    @rule(operations=st.lists(writes, min_size=1, max_size=4), commits=st.booleans())
    def write_together(self, operations, commits):
        former = self.is_blank
        with transaction.atomic():
            for operation in operations:
                self.apply(*operation)
            if not commits:
                transaction.set_rollback(True)
                self.is_blank = former

    @rule()
    def redact(self):
        self.apply("redact")

    @rule()
    def publish(self):
        publish()

    @rule(limit=st.integers(1, 4))
    def read(self, limit):
        for client in self.clients:
            if not client.read(limit).has_more:
                self.assert_equal(client)

    def apply(self, name, *arguments):
        getattr(self, f"_{name}")(*arguments)

    def _make(self, team, text):
        if not self._record().exists():
            Memo.objects.create(pk=PK, team=self.teams[team], text=marked(text))
            self.is_blank = False

    def _write(self, text):
        if self._record().update(text=marked(text)):
            self.is_blank = False

    def _move(self, team):
        if self._record().update(team=self.teams[team]):
            self.is_blank = False

    def _touch(self):
        for memo in self._record():
            memo.save()
            self.is_blank = False

    def _remove(self):
        self._record().delete()

    def _redact(self):
        """Clear the record and redact it; nothing of it may be left in the log afterwards."""
        self._record().update(text="")
        rewritten = sync.redact((Memo, PK), ["text"], reason="forgotten")
        self.is_blank = bool(rewritten) or self.is_blank
        assert MARK not in whole_log()

    def _record(self):
        return Memo.objects.filter(pk=PK)

    def assert_equal(self, client):
        """Hold the client against the table, but for what was redacted and not written since."""
        expected = database_state(client.audiences)
        if MEMO in expected and self.is_blank:
            expected[MEMO]["text"] = None
        assert client.store == expected

    def teardown(self):
        publish()
        log = published()
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        for client in [*self.clients, *(Client(client.audiences) for client in self.clients)]:
            for _ in range(len(log) + 1):
                if not client.read(limit=3).has_more:
                    break
            self.assert_equal(client)
        self._redact()
        publish()
        assert MARK not in whole_log()
        assert SyncLog.objects.filter(data__contains="other").exists()


def whole_log():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sync_log")
        return repr(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_a_record_that_is_redacted_at_random_leaves_no_value_and_no_client_behind(monkeypatch):
    monkeypatch.setattr(rewriting, "BATCH", 2)
    run(
        RedactionMachine,
        settings=settings(max_examples=60, stateful_step_count=20, deadline=None),
    )
