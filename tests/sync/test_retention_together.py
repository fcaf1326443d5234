"""Pruning beside writers, publishers and readers: nobody waits long, and nobody misses a delete."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sync import reading, retention
from sync.cursor import Position
from sync.filling import OVERHEAD, Sizes
from sync.models import SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from sync.retention import prune
from tests.support.late import LateTransaction
from tests.support.state import database_state
from tests.support.threads import with_own_connection
from tests.sync.aging import horizon, pruned
from tests.sync.observing import applied, published
from tests.sync.paging import EVERYONE, from_client, names, owners
from tests.sync.test_publishing_together import paused_publisher
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = datetime.timedelta()


class Pause:
    """Work in another thread that stops right before, or right after, it first calls a function."""

    def __init__(self, monkeypatch, module, name, *, after=False):
        self._reached, self._told = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1)
        function = getattr(module, name)

        def pausing(*args, **kwargs):
            if after:
                found = function(*args, **kwargs)
                self._wait()
                return found
            self._wait()
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, pausing)

    def _wait(self):
        if threading.current_thread() is self._thread and not self._told.is_set():
            self._reached.set()
            assert self._told.wait(SECONDS)

    def begin(self, work):
        def run():
            self._thread = threading.current_thread()
            return work()

        self._done = self._pool.submit(with_own_connection, run)
        assert self._reached.wait(SECONDS)
        return self

    def go_on(self):
        self._told.set()
        return self._done.result(SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._told.set()
        self._pool.shutdown()


@pytest.mark.parametrize("by", ["cursor", "time"])
@pytest.mark.parametrize("others", [0, 3], ids=["alone", "among others"])
def test_a_delete_that_is_removed_before_its_page_is_read_makes_the_reader_start_anew(
    monkeypatch, by, others
):
    gone, *_ = owners(2)
    publish()
    start = {"cursor": publish(), "time": published()[1].published_at}[by]
    store = {(entry.table, entry.record_id): entry.values for entry in published()}
    gone.delete()
    owners(others)
    publish()
    with Pause(monkeypatch, reading, "_page") as reader:
        reader.begin(lambda: changes_since(start, EVERYONE))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        page = reader.go_on()
    assert page.reset
    assert applied({}, page.changes) == database_state() != store


def test_a_superseded_entry_that_is_removed_while_its_page_is_read_changes_nothing(monkeypatch):
    [owner] = owners(1)
    cursor = publish()
    for name in "ab":
        owner.name = name
        owner.save()
    publish()
    with Pause(monkeypatch, reading, "_page") as reader:
        reader.begin(lambda: changes_since(cursor, EVERYONE))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        page = reader.go_on()
    assert (names(page), page.reset) == (["b"], False)


def test_a_delete_that_is_removed_after_its_page_was_read_is_on_it(monkeypatch):
    gone, _ = owners(2)
    start = publish()
    store = {(entry.table, entry.record_id): entry.values for entry in published()}
    gone.delete()
    publish()
    with Pause(monkeypatch, reading, "_page", after=True) as reader:
        reader.begin(lambda: changes_since(start, EVERYONE))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        page = reader.go_on()
    assert not page.reset
    assert applied(store, page.changes) == database_state() != store


def test_a_delete_that_is_removed_between_two_looks_for_one_page_makes_the_reader_start_anew(
    monkeypatch, sync_settings
):
    """The first look finds too little to fill the page, for its rows were taken to be larger."""
    sync_settings(PAGE_BYTES=40 * (OVERHEAD + 20))
    gone, *_ = owners(1)
    start = publish()
    owners(30)
    gone.delete()
    publish()
    monkeypatch.setattr(reading, "_sizes", Sizes())
    reading._sizes.learn(["x" * 2000])
    with Pause(monkeypatch, reading, "_more", after=True) as reader:
        reader.begin(lambda: changes_since(start, EVERYONE))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        page = reader.go_on()
    assert page.reset
    assert applied({}, page.changes) == database_state()


def test_a_delete_that_is_removed_before_nothing_is_found_makes_the_reader_start_anew(monkeypatch):
    """Whoever finds nothing has to ask whether there was anything."""
    gone, _ = owners(2)
    start = publish()
    gone.delete()
    publish()
    with Pause(monkeypatch, reading, "newest_entries") as reader:
        reader.begin(lambda: changes_since(start, EVERYONE))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        page = reader.go_on()
    assert page.reset
    assert applied({}, page.changes) == database_state()


def test_a_cursor_whose_entry_is_removed_before_its_page_is_read_is_good(monkeypatch):
    [owner] = owners(1)
    cursor = publish()
    owner.name = "a"
    owner.save()
    publish()
    with Pause(monkeypatch, reading, "_page") as reader:
        reader.begin(lambda: changes_since(from_client(cursor), EVERYONE))
        pruned(older_than=NOTHING)
        page = reader.go_on()
    assert (names(page), page.reset) == (["a"], False)
    assert [entry.seq for entry in published()] == [2], "the entry of the cursor was not removed"


def test_a_delete_that_is_removed_between_two_looks_of_a_relay_is_noticed(monkeypatch):
    gone, _ = owners(2)
    start = publish()
    gone.delete()
    publish()
    with Pause(monkeypatch, reading, "publish_batch", after=True) as relay:
        relay.begin(lambda: reading.tail(start, 10))
        assert pruned(older_than=NOTHING) == {"testapp_owner": 2}
        found = relay.go_on()
    assert (found.is_replaced, found.entries) == (True, [])


def test_a_pruner_waits_for_a_publisher_and_finds_what_it_did(postgresql_only, monkeypatch):
    """The publisher supersedes the delete that the pruner is about to remove."""
    [owner] = owners(1)
    cursor = publish()
    key = owner.pk
    owner.delete()
    deleted = publish()
    Owner.objects.create(pk=key, name="again")
    with paused_publisher(monkeypatch) as publisher, ThreadPoolExecutor(1) as pool:
        pruner = pool.submit(with_own_connection, lambda: pruned(older_than=NOTHING))
        wait_until_somebody_waits_for_a_lock()
        publisher.go_on()
        publisher.result()
        assert pruner.result(SECONDS) == {"testapp_owner": 2}
    assert horizon() == deleted.seq
    assert [entry.values["name"] for entry in published()] == ["again"]
    assert changes_since(from_client(cursor), EVERYONE).reset
    assert names(changes_since(from_client(deleted), EVERYONE)) == ["again"]


def test_superseded_entries_are_removed_while_a_publisher_holds_the_head(
    postgresql_only, monkeypatch
):
    [owner] = owners(1)
    owner.name = "new"
    owner.save()
    publish()
    owner.name = "newer"
    owner.save()
    with paused_publisher(monkeypatch) as publisher:
        assert pruned(older_than=NOTHING) == {"testapp_owner": 1}
        publisher.go_on()
        publisher.result()
    assert [(entry.seq, entry.latest) for entry in published()] == [(2, False), (3, True)]


def test_a_save_does_not_wait_for_a_pruner_and_a_publisher_does(postgresql_only, monkeypatch):
    gone, stays = owners(2)
    gone.delete()
    publish()
    with (
        Pause(monkeypatch, retention, "_delete", after=True) as pruner,
        ThreadPoolExecutor(1) as pool,
    ):
        pruner.begin(lambda: pruned(older_than=NOTHING))
        stays.name = "new"
        stays.save()
        assert horizon() == 0
        publisher = pool.submit(with_own_connection, publish)
        wait_until_somebody_waits_for_a_lock()
        assert pruner.go_on() == {"testapp_owner": 2}
        assert publisher.result(SECONDS).seq == 4
    assert horizon() == 3
    assert [entry.values["name"] for entry in published()] == ["1", "new"]


def test_a_transaction_that_commits_while_the_log_is_pruned_is_not_missed(postgresql_only):
    gone, _ = owners(2)
    with LateTransaction(lambda: Owner.objects.create(name="late")) as late:
        gone.delete()
        cursor = publish()
        pruned(older_than=NOTHING)
        late.commit()
    page = changes_since(from_client(cursor), EVERYONE)
    assert (names(page), page.reset) == (["late"], False)


def test_two_pruners_at_once_remove_everything_once_and_agree_on_the_horizon():
    gone = owners(30)
    for owner in gone:
        owner.delete()
    end = publish()
    barrier = threading.Barrier(2)

    def pruner():
        barrier.wait(SECONDS)
        list(prune(older_than=NOTHING, batch=4))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(with_own_connection, pruner) for _ in range(2)]:
            done.result(2 * SECONDS)
    assert (SyncLog.objects.count(), horizon()) == (0, end.seq)


def test_pruners_publishers_writers_and_readers_at_once(sync_settings):
    sync_settings(PUBLISH_BATCH=7)
    shared = [Stock.objects.create(sku=str(n), warehouse="n") for n in range(3)]
    barrier = threading.Barrier(7)
    done = threading.Event()

    def writer(number):
        barrier.wait(SECONDS)
        for step in range(12):
            own = Owner.objects.create(name=f"{number}/{step}")
            Stock.objects.filter(pk=shared[step % 3].pk).update(quantity=100 * number + step)
            if step % 3:
                own.delete()

    def reader(limit):
        barrier.wait(SECONDS)
        client = Reader(limit)
        while not done.is_set():
            client.read()
        publish()
        while not client.read():
            pass
        return client.store

    def again(work):
        barrier.wait(SECONDS)
        while not done.is_set():
            work()

    works = [
        lambda: again(publish),
        lambda: again(lambda: list(prune(older_than=NOTHING, batch=5))),
        lambda: reader(2),
        lambda: reader(50),
    ]
    with ThreadPoolExecutor(7) as pool:
        others = [pool.submit(with_own_connection, work) for work in works]
        writers = [
            pool.submit(with_own_connection, lambda number=number: writer(number))
            for number in range(3)
        ]
        try:
            for work in writers:
                work.result(3 * SECONDS)
        finally:
            done.set()
        stores = [work.result(SECONDS) for work in others][2:]
    publish()
    assert applied({}, changes_since(None, EVERYONE).changes) == database_state()
    assert stores == [database_state()] * 2


class Reader:
    """A client that reads by its cursor, and starts anew where it is told to."""

    def __init__(self, limit):
        self.limit, self.cursor, self.store, self.fresh = limit, None, {}, {}

    def read(self):
        start = None if self.cursor is None else Position.parse(self.cursor)
        page = changes_since(start, EVERYONE, limit=self.limit)
        if page.reset:
            self.fresh = {}
        self.fresh = applied(self.fresh, page.changes)
        self.cursor = page.position.cursor
        if page.has_more:
            return False
        self.store = self.fresh
        return True
