"""Publishing gives every committed entry one place in one order, whatever crashes or races."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from itertools import pairwise
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from sync import batches, publishing
from sync.cursor import Position
from sync.models import LogHead, SyncLog
from sync.publishing import publish, publish_batch
from tests.support.emptying import empty_log
from tests.sync.observing import pending, published, recorded
from tests.testapp.models import Memo, Owner, Restaurant, Stock

pytestmark = pytest.mark.django_db

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def in_order():
    return [(entry.record_id, entry.action, entry.audience) for entry in published()]


def test_an_empty_log_ends_at_zero():
    assert publish().seq == 0
    assert publish() == publish()


def test_numbers_are_given_without_a_gap_in_the_order_of_the_ids():
    Stock.objects.bulk_create([Stock(sku=str(n), warehouse="n") for n in range(7)])
    Stock.objects.update(quantity=3)
    Restaurant.objects.create(name="a").delete()
    end = publish()
    log = published()
    assert [entry.seq for entry in log] == list(range(1, 19))
    assert [entry.pk for entry in log] == sorted(entry.pk for entry in log)
    assert not SyncLog.objects.pending().exists()
    assert end.seq == 18


def test_the_end_of_the_log_is_the_position_behind_its_last_entry():
    Owner.objects.create(name="a")
    end = publish()
    assert Position.of_entry(end.epoch, published()[-1]) == end


def test_publishing_again_changes_nothing():
    Owner.objects.create(name="a").save()
    first, log = publish(), list(SyncLog.objects.values())
    assert publish() == first
    assert list(SyncLog.objects.values()) == log


def test_transactions_are_ordered_by_their_highest_id_and_kept_whole():
    for record, transaction_id in (("1", A), ("2", B), ("3", C), ("4", B), ("5", A), ("6", C)):
        pending(record, transaction_id)
    publish()
    assert [record for record, _, _ in in_order()] == ["2", "4", "1", "5", "3", "6"]


def test_the_order_of_transactions_holds_over_the_batches(sync_settings):
    sync_settings(PUBLISH_BATCH=2)
    for record, transaction_id in (("1", A), ("2", B), ("3", C), ("4", B), ("5", A), ("6", C)):
        pending(record, transaction_id)
    publish()
    assert [record for record, _, _ in in_order()] == ["2", "4", "1", "5", "3", "6"]


def test_the_time_of_publishing_grows_with_the_number_even_if_the_clock_goes_back(monkeypatch):
    now = timezone.now()
    for minutes in (0, 5, -60, -60, 3, 10):
        Owner.objects.bulk_create([Owner(name="a"), Owner(name="b")])
        instant = now + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr(publishing.timezone, "now", lambda instant=instant: instant)
        publish()
    times = [entry.published_at for entry in published()]
    assert len(times) == 12
    assert all(one < other for one, other in pairwise(times))
    assert times[-1] >= now + datetime.timedelta(minutes=10)


@pytest.mark.parametrize(("batch", "chunk"), [(5, 3), (1, 1), (4, 100)])
def test_a_transaction_of_any_size_is_numbered_whole(
    sync_settings, monkeypatch, red, blue, batch, chunk
):
    sync_settings(PUBLISH_BATCH=batch)
    monkeypatch.setattr(batches, "CHUNK", chunk)
    publish()
    memos = Memo.objects.bulk_create([Memo(team=red, text=str(n)) for n in range(4)])
    first, *rest = [str(memo.pk) for memo in memos]
    Memo.objects.update(team=blue)
    Memo.objects.update(text="same")
    Memo.objects.update(text="same")
    memos[0].delete()
    publish()
    log = [entry for entry in published() if entry.table == "testapp_memo"]
    assert [entry.seq for entry in log] == list(range(3, 3 + len(log)))
    latest = [(entry.record_id, entry.action, entry.audience) for entry in log if entry.latest]
    assert sorted(latest) == [(record, "update", f"team:{blue.pk}") for record in sorted(rest)]
    # What was only there meanwhile, and the record that nobody ever held, are for the history.
    heard = [entry for entry in log if not entry.is_unchanged]
    assert sorted(entry.record_id for entry in heard) == sorted(rest)
    assert all(entry.is_new_to_audience for entry in heard)
    assert [entry.action for entry in log if entry.record_id == first][-1] == "delete"
    assert SyncLog.objects.count() == len(published())


class Crash(Exception):
    """What ends a process in the middle of a pass."""


@pytest.mark.parametrize("step", ["numbering.store", "_number", "Supersession.follow"])
def test_a_pass_that_crashes_numbers_nothing_and_the_next_does(monkeypatch, step, red, blue):
    memo = Memo.objects.create(team=red, text="a")
    publish()
    before = (LogHead.objects.values().get(), list(SyncLog.objects.values()))
    Memo.objects.update(team=blue)
    memo.delete()
    waiting = SyncLog.objects.pending().count()
    with monkeypatch.context() as broken:
        crash_after(broken, step)
        with pytest.raises(Crash):
            publish()
    assert SyncLog.objects.pending().count() == waiting == 2
    assert LogHead.objects.values().get() == before[0]
    assert list(SyncLog.objects.published().values()) == before[1]
    publish()
    assert [entry.seq for entry in published()] == list(range(1, 7))


def crash_after(monkeypatch, step):
    """Let the step do its work, and then end as a killed process would."""
    owner, _, name = step.rpartition(".")
    target = getattr(publishing, owner) if owner else publishing
    original = getattr(target, name)

    def crashing(*args):
        original(*args)
        raise Crash

    monkeypatch.setattr(target, name, crashing)


def test_what_is_rolled_back_is_never_published():
    with recorded() as entries:
        with pytest.raises(Crash), transaction.atomic():
            Owner.objects.create(name="a")
            raise Crash
        Owner.objects.create(name="b")
    publish()
    assert [entry.values["name"] for entry in published()] == ["b"]
    assert published()[0].pk == entries[0].pk


def test_a_lost_head_is_made_again_as_another_epoch():
    Owner.objects.create(name="a")
    first = publish()
    LogHead.objects.all().delete()
    assert publish().epoch != first.epoch


def test_a_batch_says_whether_more_waits(sync_settings):
    sync_settings(PUBLISH_BATCH=4)
    assert not publish_batch("default").has_more
    for record, transaction_id in (("1", A), ("2", A), ("3", B), ("4", B), ("5", C), ("6", A)):
        pending(record, transaction_id)
    told = [publish_batch("default").has_more for _ in range(3)]
    assert told == [True, False, False]
    assert [record for record, _, _ in in_order()] == ["3", "4", "5", "1", "2", "6"]


def test_a_backlog_of_large_transactions_is_numbered_in_the_order_of_their_ends(sync_settings):
    """None of them ends among the first ids, so what waits behind those has to be looked at."""
    sync_settings(PUBLISH_BATCH=2)
    for record, transaction_id in enumerate((A, B, A, B, C, A, C, B, C, A)):
        pending(str(record), transaction_id)
    publish()
    assert [record for record, _, _ in in_order()] == list("1374680259")
    assert [entry.seq for entry in published()] == list(range(1, 11))


def test_of_a_backlog_no_more_is_looked_at_than_lies_below_the_first_end(sync_settings):
    """Else each of many large transactions would cost a look at all the others."""
    sync_settings(PUBLISH_BATCH=2)
    made = [pending(str(place), transaction_id) for place, transaction_id in enumerate([A, B] * 9)]
    for place in range(50):
        pending(f"later {place}", C)
    with CaptureQueriesContext(connection) as found:
        publish_batch("default")
    grouped = [query["sql"] for query in found if "GROUP BY" in query["sql"]]
    assert len(grouped) == 2
    assert " IN (" in grouped[0]
    assert f"<= {made[-2].pk}" in grouped[1]


@given(
    transactions=st.lists(st.integers(1, 9), max_size=40),
    size=st.integers(1, 12),
)
def test_any_backlog_is_numbered_whole_in_the_order_of_highest_ids(transactions, size):
    """Whatever the batches, the order is that of sorting everything at once."""
    empty_log()
    LogHead.objects.all().delete()
    made = [pending(str(place), uuid.UUID(int=n)) for place, n in enumerate(transactions)]
    ends = {entry.transaction: entry.pk for entry in made}
    conf = dataclasses.replace(publishing.conf(), PUBLISH_BATCH=size)
    with mock.patch.object(publishing, "conf", lambda: conf):
        publish()
    wanted = sorted(made, key=lambda entry: (ends[entry.transaction], entry.pk))
    assert [entry.pk for entry in published()] == [entry.pk for entry in wanted]
    assert [entry.seq for entry in published()] == list(range(1, len(made) + 1))
