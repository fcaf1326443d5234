"""What a record held at any point is told from the log alone, and never claimed where the log may
have forgotten it."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sync
from sync.as_of import Knowledge, State, state_as_of
from sync.backfilling import backfill
from sync.history import Redacted
from sync.locking import head
from sync.models import SyncLog
from sync.publishing import publish
from sync.repairing import repair
from sync.shape import shape_of
from tests.support.state import database_state
from tests.sync.aging import grow_older, pruned
from tests.sync.commits import undone_commits
from tests.sync.drawn_writes import STEPS
from tests.testapp.models import Memo, Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)

OWNER, STOCK, MEMO = (model._meta.db_table for model in (Owner, Stock, Memo))


def now():
    """Publish what waits, and return the two names of this point of the history."""
    publish()
    return head("default").seq, timezone.now()


def held(table, pk, point):
    state = state_as_of(table, str(pk), point)
    assert state.knowledge is Knowledge.HELD
    return state.values


def knowledge(table, pk, point):
    state = state_as_of(table, str(pk), point)
    assert state.values == {} or state.knowledge is Knowledge.HELD
    return state.knowledge


@pytest.mark.parametrize("by", [0, 1], ids=["by number", "by time"])
def test_a_record_is_seen_as_it_was(by):
    before = now()
    owner = Owner.objects.create(name="a")
    made = now()
    Owner.objects.update(name="b")
    Stock.objects.create(sku="another record", warehouse="n")
    renamed = now()
    pk = owner.pk
    owner.delete()
    gone = now()
    Stock.objects.update(quantity=3)
    assert knowledge(OWNER, pk, before[by]) is Knowledge.NOT_YET
    assert held(OWNER, pk, made[by]) == {"id": pk, "name": "a"}
    assert held(OWNER, pk, renamed[by]) == {"id": pk, "name": "b"}
    assert knowledge(OWNER, pk, gone[by]) is Knowledge.GONE
    assert knowledge(OWNER, pk, now()[by]) is Knowledge.GONE


def test_the_entry_that_tells_it_is_named():
    owner = Owner.objects.create(name="a")
    Owner.objects.update(name="b")
    seq, _ = now()
    made, renamed = SyncLog.objects.order_by("seq")
    assert state_as_of(OWNER, str(owner.pk), seq).entry == renamed
    assert state_as_of(OWNER, str(owner.pk), seq - 1).entry == made
    assert state_as_of(OWNER, str(owner.pk), 0) == State(Knowledge.NOT_YET, made)


def test_what_was_published_late_counts_from_when_it_was_recorded():
    owner = Owner.objects.create(name="a")
    moments = [timezone.now()]
    for name in "bcd":
        Owner.objects.update(name=name)
        moments.append(timezone.now())
    Stock.objects.create(sku="a", warehouse="n")
    publish()
    assert [held(OWNER, owner.pk, moment)["name"] for moment in moments] == list("abcd")


def test_a_record_that_only_left_an_audience_was_not_gone(red, blue):
    memo = Memo.objects.create(team=red, text="a")
    memo.team = blue
    memo.save()
    publish()
    moved = SyncLog.objects.get(cause="moved")
    assert held(MEMO, memo.pk, moved.seq)["team_id"] == red.pk
    assert held(MEMO, memo.pk, moved.seq + 1)["team_id"] == blue.pk


def test_what_was_removed_is_shown_as_that_at_every_point():
    stock = Stock.objects.create(sku="secret", warehouse="n")
    first, _ = now()
    Stock.objects.update(sku="")
    sync.redact(stock, ["sku"], reason="asked")
    last, _ = now()
    for seq in (first, last):
        assert held(STOCK, stock.pk, seq)["sku"] == Redacted("asked")


def test_a_record_whose_values_were_removed_after_it_went_is_still_gone():
    stock = Stock.objects.create(sku="secret", warehouse="n")
    pk = stock.pk
    stock.delete()
    sync.redact((Stock, pk), ["sku"], reason="asked")
    assert knowledge(STOCK, pk, now()[0]) is Knowledge.GONE


def test_of_a_record_that_the_log_does_not_have_nothing_is_known():
    assert state_as_of(OWNER, "12345", now()[0]) == State(Knowledge.UNKNOWN)


def test_what_existed_before_it_was_recorded_is_not_called_absent(unregister, register):
    unregister(Owner)
    owner = Owner.objects.create(name="a")
    register(Owner)
    Stock.objects.create(sku="a", warehouse="n")
    before, _ = now()
    list(backfill(Owner, "default"))
    after, _ = now()
    assert knowledge(OWNER, owner.pk, before) is Knowledge.UNKNOWN
    assert held(OWNER, owner.pk, after)["name"] == "a"


def test_what_was_found_by_comparing_the_table_is_not_called_absent(unregister, register):
    unregister(Owner)
    owner = Owner.objects.create(name="a")
    registration = register(Owner)
    before, _ = now()
    assert repair(shape_of(registration, Owner), str(owner.pk), "default")
    publish()
    assert knowledge(OWNER, owner.pk, before) is Knowledge.UNKNOWN


def test_before_what_is_kept_of_a_pruned_record_nothing_is_known(sync_settings):
    owner = Owner.objects.create(name="a")
    made, _ = now()
    Owner.objects.update(name="b")
    renamed, _ = now()
    grow_older(days=2)
    sync_settings(RETENTION=datetime.timedelta(days=1))
    assert pruned() == {OWNER: 1}
    assert knowledge(OWNER, owner.pk, made) is Knowledge.UNKNOWN
    assert held(OWNER, owner.pk, renamed)["name"] == "b"


def test_an_earlier_life_that_was_pruned_is_not_called_absence(sync_settings):
    sync_settings(RETENTION=datetime.timedelta(days=1))
    Owner.objects.create(pk=7, name="a")
    made, _ = now()
    Owner.objects.get(pk=7).delete()
    Owner.objects.create(pk=7, name="again")
    publish()
    grow_older(days=2)
    assert pruned() == {OWNER: 2}
    assert knowledge(OWNER, 7, made) is Knowledge.UNKNOWN


def test_a_table_that_keeps_its_entries_for_a_while_knows_what_was_not_there_yet(sync_settings):
    sync_settings(RETENTION=datetime.timedelta(days=1))
    Stock.objects.create(sku="a", warehouse="n")
    before, _ = now()
    owner = Owner.objects.create(name="a")
    publish()
    assert knowledge(OWNER, owner.pk, before) is Knowledge.NOT_YET
    grow_older(days=2)
    assert knowledge(OWNER, owner.pk, before) is Knowledge.UNKNOWN


def test_below_the_horizon_nothing_is_called_absent():
    Owner.objects.create(name="gone")
    Owner.objects.get().delete()
    before, _ = now()
    stock = Stock.objects.create(sku="a", warehouse="n")
    Owner.objects.create(name="gone, too")
    Owner.objects.get().delete()
    publish()
    assert knowledge(STOCK, stock.pk, before) is Knowledge.NOT_YET
    grow_older(days=2)
    pruned(older_than=datetime.timedelta(days=1))
    assert knowledge(STOCK, stock.pk, before) is Knowledge.UNKNOWN


class Past:
    """The points of a history, and what the tables held at each."""

    def __init__(self):
        self.points = []

    def remember(self):
        self.points.append((*now(), database_state()))

    def records(self):
        return {key for _, _, state in self.points for key in state}

    def looked_at(self, *names):
        """Yield what the tables held of every record at every point, and what the log tells."""
        for seq, moment, state in self.points:
            for key in sorted(self.records()):
                for point in (seq, moment)[: len(names)]:
                    yield state.get(key), state_as_of(*key, point)


lengths = st.integers(1, 5)
patient = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@patient
@given(st.data(), lengths)
def test_what_the_log_tells_of_any_point_is_what_the_tables_held(data, length):
    with undone_commits() as commit:
        past = Past()
        past.remember()
        for _ in range(length):
            data.draw(st.sampled_from(STEPS))(data.draw)
            commit()
            past.remember()
        for values, state in past.looked_at("number", "time"):
            absent = {Knowledge.GONE, Knowledge.NOT_YET}
            assert (state.knowledge is Knowledge.HELD) == (values is not None)
            assert state.values == (values or {})
            assert values is not None or state.knowledge in absent


@pytest.fixture
def a_day(sync_settings):
    sync_settings(RETENTION=datetime.timedelta(days=1))


@patient
@given(data=st.data(), length=lengths, pruned_after=st.integers(0, 4))
def test_what_a_pruned_log_tells_of_any_point_is_never_wrong(a_day, data, length, pruned_after):
    with undone_commits() as commit:
        past = Past()
        for index in range(length):
            data.draw(st.sampled_from(STEPS))(data.draw)
            commit()
            past.remember()
            if index == pruned_after:
                grow_older(days=2)
                pruned()
        for values, state in past.looked_at("number"):
            if state.knowledge is not Knowledge.UNKNOWN:
                assert (state.knowledge is Knowledge.HELD) == (values is not None)
                assert state.values == (values or {})
