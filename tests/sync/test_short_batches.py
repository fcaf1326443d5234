"""What waits, where it is little, is read on the trip that locks the head, and is the same."""

from __future__ import annotations

import uuid
from unittest import mock

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync import short_batches, short_trips
from sync.batches import next_batch
from sync.holders import latest_entries
from sync.locking import head, read_committed
from sync.models import LogHead, Newest, SyncLog, log_maintenance
from sync.publishing import publish, publish_batch
from sync.short_batches import FEW, Locked, lock_and_read
from sync.supersession import HELD
from tests.support.emptying import empty_log
from tests.sync.observing import pending, published
from tests.sync.tracing import is_as_it_was
from tests.testapp.models import Memo, Owner, Team

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def looked(size=1000):
    """Return what the first trip of a pass gives, and what several trips give in its place."""
    head("default")
    trips = short_trips.transaction_for(connection, is_short=True, savepoint=True)
    with trips, log_maintenance():
        read_committed("default")
        found = lock_and_read("default", size)
        batch = next_batch("default", size)
        records = {(entry.table, entry.record_id) for entry in batch.entries}
        holders = list(latest_entries("default", records, HELD))
    return found, Locked(found.head, batch, holders)


def by_record(locked):
    """Return the entries that precede each record's next, in their order."""
    found = {}
    for table, record_id, *held in locked.holders:
        found.setdefault((table, record_id), []).append(held)
    return found


ENTRIES = st.lists(
    st.tuples(
        st.integers(1, 4),  # the transaction
        st.sampled_from("ab"),
        st.sampled_from(["insert", "update", "delete"]),
        st.sampled_from(["red", "blue"]),
        st.sampled_from(["1", "2"]),
    ),
    max_size=8,
)


def write(entries):
    for number, record_id, action, audience, value in entries:
        pending(
            record_id,
            uuid.UUID(int=number),
            action=action,
            audience=audience,
            data={"id": record_id, "value": value},
        )


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(before=ENTRIES, waiting=ENTRIES)
def test_it_is_what_several_trips_would_find(before, waiting):
    empty_log()
    write(before)
    publish()
    write(waiting)
    found, wanted = looked()
    assert found.batch == wanted.batch
    assert by_record(found) == by_record(wanted)
    assert is_as_it_was()


def everything():
    names = {"id", "published_at", "recorded_at"}
    rows = SyncLog.objects.order_by("seq").values()
    log = [{name: row[name] for name in row.keys() - names} for row in rows]
    newest = Newest.objects.order_by("seq").values(
        "seq", "table", "record_id", "audience", "action"
    )
    place = LogHead.objects.values("seq", "transaction").get()
    return log, list(newest), place


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(passes=st.lists(ENTRIES, min_size=1, max_size=3))
def test_the_log_becomes_what_it_becomes_on_several_trips(passes):
    logs = []
    for few in (FEW, 0):
        empty_log()
        LogHead.objects.all().delete()
        with mock.patch.object(short_batches, "FEW", few):
            for entries in passes:
                write(entries)
                publish()
        logs.append(everything())
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    ("size", "waits"), [(1000, FEW + 1), (2, 3)], ids=["many", "small batches"]
)
def test_more_than_a_few_are_left_to_be_read(size, waits):
    Owner.objects.bulk_create([Owner(name="a")] * waits)
    found, wanted = looked(size)
    assert (found.batch, found.holders) == (None, None)
    assert wanted.batch.large is not None or len(wanted.batch.entries) == waits
    publish()
    assert [entry.seq for entry in published()] == list(range(1, waits + 1))


def test_a_database_that_was_flushed_meanwhile_is_an_error_with_a_name():
    publish()
    trips = short_trips.transaction_for(connection, is_short=True, savepoint=True)
    LogHead.objects.all().delete()
    with pytest.raises(LogHead.DoesNotExist), trips, log_maintenance():
        lock_and_read("default", 10)


def test_who_comes_second_finds_the_work_done(monkeypatch):
    Owner.objects.create(name="a")
    look = short_trips.transaction_for

    def late(*args, **kwargs):
        monkeypatch.setattr(short_trips, "transaction_for", look)
        publish()
        return look(*args, **kwargs)

    monkeypatch.setattr(short_trips, "transaction_for", late)
    end, has_more = publish_batch("default")
    assert (end.seq, has_more) == (1, False)
    assert end.seq == head("default").seq
    assert is_as_it_was()


def test_inside_a_transaction_that_is_open_the_head_alone_is_locked(red):
    Memo.objects.create(team=red, text="a")
    publish()
    with transaction.atomic():
        assert lock_and_read("default", 10).batch is None


def test_a_record_that_moves_is_told_to_whom_it_leaves(red):
    blue = Team.objects.create(name="blue")
    memo = Memo.objects.create(team=red, text="a")
    publish()
    Memo.objects.filter(pk=memo.pk).update(team=blue)
    publish()
    moved, arrived = published()[-2:]
    assert (moved.action, moved.cause) == ("delete", "moved")
    assert (arrived.action, arrived.cause) == ("update", "arrived")
    assert is_as_it_was()
