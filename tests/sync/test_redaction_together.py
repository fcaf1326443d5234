"""Redactions, writers and publishers at the same time: no value slips through, nothing is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

import sync
from sync import forgetting, publishing, rewriting
from sync.models import REDACTED, SyncLog
from sync.publishing import publish
from sync.reading import changes_since
from tests.support.late import LateTransaction
from tests.support.state import database_state
from tests.support.threads import in_threads, with_own_connection
from tests.sync.observing import applied, published
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "hunter2@example.org"
EVERYONE = ["everyone"]


class paused:
    """Work in another thread that stops after its first call of a function, holding its locks."""

    def __init__(self, monkeypatch, work, module, name):
        self._work = work
        self._reached, self._told = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._thread = None
        original = getattr(module, name)

        def pausing(*args, **kwargs):
            result = original(*args, **kwargs)
            if threading.current_thread() is self._thread and not self._told.is_set():
                self._reached.set()
                assert self._told.wait(SECONDS)
            return result

        monkeypatch.setattr(module, name, pausing)

    def __enter__(self):
        self._done = self._pool.submit(with_own_connection, self._run)
        assert self._reached.wait(SECONDS)
        return self

    def __exit__(self, *exc):
        self._told.set()
        self._pool.shutdown()

    def _run(self):
        self._thread = threading.current_thread()
        return self._work()

    def finish(self):
        self._told.set()
        return self._done.result(SECONDS)


def whole_log():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sync_log")
        return repr(cursor.fetchall())


def assert_the_log_is_whole():
    publish()
    log = published()
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    state = database_state()
    assert applied({}, changes_since(None, EVERYONE).changes).keys() == state.keys()
    assert applied({}, log).keys() == state.keys()


def cleared_owner():
    owner = Owner.objects.create(name=SECRET)
    Owner.objects.update(name="")
    return owner


def set_and_clear():
    Owner.objects.update(name=SECRET)
    Owner.objects.update(name="")


def test_a_writer_of_the_record_that_has_not_committed_is_waited_for(postgresql_only):
    owner = cleared_owner()
    with LateTransaction(set_and_clear) as writer:
        rewritten, _ = in_threads(
            lambda: sync.redact(owner, ["name"]),
            lambda: (wait_until_somebody_waits_for_a_lock(), writer.commit()),
        )
    assert rewritten == 4
    assert SECRET not in whole_log()
    assert_the_log_is_whole()


def test_while_it_waits_for_a_writer_others_publish(postgresql_only):
    owner = cleared_owner()
    with LateTransaction(set_and_clear) as writer, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(with_own_connection, lambda: sync.redact(owner, ["name"]))
        wait_until_somebody_waits_for_a_lock()
        Stock.objects.create(sku="a", warehouse="n")
        assert publish().seq == 3
        writer.commit()
        assert waiting.result(SECONDS) == 4
    assert SECRET not in whole_log()
    assert_the_log_is_whole()


def test_a_writer_that_deletes_the_record_is_waited_for(postgresql_only):
    owner = cleared_owner()
    key = (Owner, owner.pk)
    with LateTransaction(lambda: Owner.objects.all().delete()) as writer:
        rewritten, _ = in_threads(
            lambda: sync.redact(key, ["name"]),
            lambda: (wait_until_somebody_waits_for_a_lock(), writer.commit()),
        )
    assert rewritten == 3
    assert SECRET not in whole_log()
    assert_the_log_is_whole()
    assert database_state() == {}


@pytest.mark.parametrize("publishes_between", [True, False])
def test_a_record_that_is_made_again_meanwhile_is_not_lost(postgresql_only, publishes_between):
    owner = cleared_owner()
    key = owner.pk
    owner.delete()
    with LateTransaction(lambda: Owner.objects.create(pk=key, name="again")) as maker:
        assert sync.redact((Owner, key), ["name"]) == 3
        if publishes_between:
            publish()
        maker.commit()
    publish()
    assert SECRET not in whole_log()
    heard = [entry for entry in published() if not entry.is_unchanged]
    assert applied({}, heard) == database_state()
    assert applied({}, changes_since(None, EVERYONE).changes) == database_state()


def test_a_writer_waits_for_the_redaction_and_comes_after_it(postgresql_only, monkeypatch):
    owner = cleared_owner()

    def write():
        Owner.objects.update(name="new")

    with (
        paused(
            monkeypatch, lambda: sync.redact(owner, ["name"]), forgetting, "record"
        ) as redaction,
        ThreadPoolExecutor(1) as pool,
    ):
        writing = pool.submit(with_own_connection, write)
        wait_until_somebody_waits_for_a_lock()
        redaction.finish()
        writing.result(SECONDS)
    publish()
    assert [entry.cause for entry in published()][-2:] == [REDACTED, ""]
    assert applied({}, published()) == database_state()


def test_a_publisher_at_work_is_waited_for(postgresql_only, monkeypatch):
    owner = cleared_owner()
    with (
        paused(monkeypatch, publish, publishing, "_number") as publisher,
        ThreadPoolExecutor(1) as pool,
    ):
        redacting = pool.submit(with_own_connection, lambda: sync.redact(owner, ["name"]))
        wait_until_somebody_waits_for_a_lock()
        publisher.finish()
        assert redacting.result(SECONDS) == 2
    assert SECRET not in whole_log()
    assert [entry.changed_names for entry in published()] == [None, ["name"]]
    assert_the_log_is_whole()


def test_a_publisher_waits_for_a_redaction_at_work(postgresql_only, monkeypatch):
    owner = cleared_owner()
    with (
        paused(
            monkeypatch, lambda: sync.redact(owner, ["name"]), forgetting, "record"
        ) as redaction,
        ThreadPoolExecutor(1) as pool,
    ):
        publishing_now = pool.submit(with_own_connection, publish)
        wait_until_somebody_waits_for_a_lock()
        assert redaction.finish() == 2
        publishing_now.result(SECONDS)
    assert SECRET not in whole_log()
    assert_the_log_is_whole()


def test_redactions_of_one_record_take_turns():
    owner = cleared_owner()
    assert sorted(in_threads(*[lambda: sync.redact(owner, ["name"])] * 4)) == [0, 0, 0, 2]
    publish()
    assert [entry.cause for entry in published()].count(REDACTED) == 1


def test_redactions_writers_and_publishers_at_once(monkeypatch):
    monkeypatch.setattr(rewriting, "BATCH", 3)
    owners = [Owner.objects.create(name=SECRET) for _ in range(3)]
    barrier = threading.Barrier(5)
    done = threading.Event()

    def write(number):
        barrier.wait(SECONDS)
        for step in range(10):
            mine = Owner.objects.filter(pk=owners[(step + number) % 3].pk)
            with transaction.atomic():
                mine.update(name=f"{SECRET} {step}")
                mine.update(name="")

    def redact():
        barrier.wait(SECONDS)
        for step in range(10):
            sync.redact(owners[step % 3], ["name"], keep=True)

    def publisher():
        barrier.wait(SECONDS)
        while not done.is_set():
            publish()

    with ThreadPoolExecutor(5) as pool:
        publishers = [pool.submit(with_own_connection, publisher)]
        workers = [pool.submit(with_own_connection, redact) for _ in range(2)]
        workers += [
            pool.submit(with_own_connection, lambda number=number: write(number))
            for number in range(2)
        ]
        try:
            for work in workers:
                work.result(2 * SECONDS)
        finally:
            done.set()
        for work in publishers:
            work.result(SECONDS)
    for owner in owners:
        sync.redact(owner, ["name"])
    assert SECRET not in whole_log()
    assert_the_log_is_whole()
    assert SyncLog.objects.newest().count() == len(owners)
