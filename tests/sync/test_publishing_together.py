"""Publishers, writers and readers at the same time: nothing is lost, twice or out of order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from psycopg import IsolationLevel

from sync import publishing
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.late import LateTransaction
from tests.support.state import database_state
from tests.support.threads import in_threads, with_own_connection
from tests.sync.observing import applied, published
from tests.sync.waiting import (
    SECONDS,
    wait_until_deleted_rows_are_gone,
    wait_until_somebody_waits_for_a_lock,
)
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE = ["everyone"]


def assert_the_log_is_whole():
    """Hold the invariants of the order against everything that was written."""
    log = published()
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert len(log) == SyncLog.objects.count()
    by_record = {}
    for entry in log:
        by_record.setdefault((entry.table, entry.record_id), []).append(entry)
    for entries in by_record.values():
        assert [entry.pk for entry in entries] == sorted(entry.pk for entry in entries)
        changing = [entry for entry in entries if not entry.is_unchanged]
        assert [entry.latest for entry in changing] == [False] * (len(changing) - 1) + [True]
    assert applied({}, log) == database_state()


def assert_transactions_are_whole():
    seen = []
    for entry in published():
        if not seen or seen[-1] != entry.transaction:
            assert entry.transaction not in seen
            seen.append(entry.transaction)


def test_publishers_that_start_at_once_number_everything_once():
    for number in range(40):
        with transaction.atomic():
            Stock.objects.bulk_create(
                [Stock(sku=f"{number}-{part}", warehouse="n") for part in range(3)]
            )
    barrier = threading.Barrier(6)

    def publisher():
        barrier.wait(SECONDS)
        return publish().seq

    assert in_threads(*[publisher] * 6) == [120] * 6
    assert_the_log_is_whole()
    assert_transactions_are_whole()


def test_publishers_and_writers_at_once(sync_settings):
    sync_settings(PUBLISH_BATCH=7)
    shared = [Stock.objects.create(sku=str(n), warehouse="n") for n in range(3)]
    barrier = threading.Barrier(5)
    done = threading.Event()

    def writer(number):
        barrier.wait(SECONDS)
        for step in range(12):
            with transaction.atomic():
                own = Owner.objects.create(name=f"{number}/{step}")
                Stock.objects.filter(pk=shared[step % 3].pk).update(quantity=100 * number + step)
                if step % 4 == 0:
                    own.delete()

    def publisher():
        barrier.wait(SECONDS)
        while not done.is_set():
            publish()

    with ThreadPoolExecutor(5) as pool:
        publishers = [pool.submit(with_own_connection, publisher) for _ in range(2)]
        writers = [
            pool.submit(with_own_connection, lambda number=number: writer(number))
            for number in range(3)
        ]
        try:
            for work in writers:
                work.result(2 * SECONDS)
        finally:
            done.set()
        for work in publishers:
            work.result(SECONDS)
    publish()
    assert_the_log_is_whole()
    assert_transactions_are_whole()


def test_a_publisher_that_waited_for_another_finds_the_work_done(several_writers, monkeypatch):
    Owner.objects.create(name="a")
    with paused_publisher(monkeypatch) as first, ThreadPoolExecutor(1) as pool:
        second = pool.submit(with_own_connection, publish)
        wait_until_somebody_waits_for_a_lock()
        first.go_on()
        assert second.result(SECONDS) == first.result()
    assert [entry.seq for entry in published()] == [1]


def test_a_save_does_not_wait_for_a_publisher(several_writers, monkeypatch):
    wait_until_deleted_rows_are_gone()
    owner = Owner.objects.create(name="a")
    with paused_publisher(monkeypatch) as publisher:
        owner.name = "b"
        owner.save()
        Owner.objects.create(name="c")
        publisher.go_on()
        publisher.result()
    publish()
    assert_the_log_is_whole()
    assert len(published()) == 3


class paused_publisher:
    """A publisher in another thread that stops in the middle, holding its lock."""

    def __init__(self, monkeypatch):
        self._reached, self._told = threading.Event(), threading.Event()
        self._paused = monkeypatch
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self):
        number = publishing._number

        def pausing(*args):
            numbered = number(*args)
            if threading.current_thread() is self._thread and not self._told.is_set():
                self._reached.set()
                assert self._told.wait(SECONDS)
            return numbered

        self._paused.setattr(publishing, "_number", pausing)
        self._done = self._pool.submit(with_own_connection, self._run)
        assert self._reached.wait(SECONDS)
        return self

    def __exit__(self, *exc):
        self.go_on()
        self._pool.shutdown()

    def _run(self):
        self._thread = threading.current_thread()
        return publish()

    def go_on(self):
        self._told.set()

    def result(self):
        return self._done.result(SECONDS)


def test_a_transaction_that_commits_after_a_later_one_is_not_missed(several_writers):
    store = {}

    def read(start):
        page = changes_since(start, EVERYONE)
        store.update(applied(store, page.changes))
        return page

    with LateTransaction(lambda: Owner.objects.create(name="late")) as late:
        Owner.objects.create(name="early")
        first = read(None)
        assert [entry.values["name"] for entry in first.changes] == ["early"]
        late.commit()
    second = read(first.position)
    assert [entry.values["name"] for entry in second.changes] == ["late"]
    numbers = [page.changes[0].seq for page in (second, first)]
    assert SyncLog.objects.get(seq=numbers[0]).pk < SyncLog.objects.get(seq=numbers[1]).pk
    assert read(second.position).changes == []
    assert store == database_state()


def test_of_two_late_transactions_each_is_read_when_it_has_committed(several_writers):
    with (
        LateTransaction(lambda: Owner.objects.create(name="first to write")) as one,
        LateTransaction(lambda: Owner.objects.create(name="second to write")) as other,
    ):
        cursor = changes_since(None, EVERYONE).position
        names = []
        for late in (other, one):
            late.commit()
            page = changes_since(cursor, EVERYONE)
            names += [entry.values["name"] for entry in page.changes]
            cursor = page.position
    assert names == ["second to write", "first to write"]


def test_a_late_transaction_that_is_rolled_back_leaves_no_gap(several_writers):
    with LateTransaction(lambda: Owner.objects.create(name="never")):
        Owner.objects.create(name="a")
        publish()
    Owner.objects.create(name="b")
    publish()
    assert [entry.seq for entry in published()] == [1, 2]


@pytest.mark.parametrize("reads_between", [True, False])
def test_the_transaction_that_waited_for_a_record_comes_after_the_one_it_waited_for(
    several_writers, reads_between
):
    """The one that waited has written first: by its lowest id it would come before the other."""
    stock = Stock.objects.create(sku="a", warehouse="n")
    started = threading.Event()
    held = threading.Event()

    def waits():
        with transaction.atomic():
            Owner.objects.create(name="written first")
            started.set()
            assert held.wait(SECONDS)
            Stock.objects.filter(pk=stock.pk).update(quantity=2)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(with_own_connection, waits)
        assert started.wait(SECONDS)
        with LateTransaction(lambda: Stock.objects.update(quantity=1)) as holder:
            held.set()
            wait_until_somebody_waits_for_a_lock()
            holder.commit()
        if reads_between:
            publish()
        waiting.result(SECONDS)
    publish()
    quantities = [entry.values.get("quantity") for entry in published()]
    assert quantities[1:] == [1, None, 2]
    assert_the_log_is_whole()


@pytest.mark.usefixtures("postgresql_only")
def test_publishing_reads_what_is_committed_whatever_isolation_the_host_chose(monkeypatch):
    Owner.objects.create(name="a")
    levels = []
    locked = publishing.lock_and_read

    def asking(*args):
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            levels.append(cursor.fetchone()[0])
        return locked(*args)

    monkeypatch.setattr(publishing, "lock_and_read", asking)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    monkeypatch.setattr(connection, "isolation_level", IsolationLevel.REPEATABLE_READ)
    try:
        publish()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")
    assert levels == ["read committed"]
