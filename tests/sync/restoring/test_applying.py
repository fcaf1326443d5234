"""What was previewed is written as a whole or not at all, by one of those who try at a time."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection

from sync.errors import ChangedMeanwhile, RestoreError
from sync.models import SyncLog
from sync.publishing import publish
from sync.restoring import AFTER, Invalid, apply, plan_restore, plan_undo
from sync.restoring import applying as applying_module
from tests.support.late import LateTransaction
from tests.support.state import database_state
from tests.support.threads import in_threads
from tests.sync.restoring.applied import carry_out, entries, last_entry
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Booking, Cascaded, Owner, Restricted, Stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stock():
    stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    Stock.objects.update(quantity=4)
    return stock


def maker(entry, ticks=("quantity",)):
    return lambda locks: plan_restore(entry, AFTER, ticks=ticks, locks=locks)


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda: Stock.objects.update(quantity=5),
        lambda: Stock.objects.update(warehouse="south"),
        lambda: Stock.objects.all().delete(),
    ],
)
def test_what_was_changed_meanwhile_is_to_be_looked_at_again(stock, meanwhile):
    make = maker(entries(stock)[0])
    plan = make(False)
    meanwhile()
    publish()
    before = database_state(), SyncLog.objects.count()
    with pytest.raises(ChangedMeanwhile):
        carry_out(make, plan)
    assert (database_state(), SyncLog.objects.count()) == before


@pytest.mark.parametrize("reason", ["", "   ", "x" * 256])
def test_a_reason_is_needed(stock, reason):
    make = maker(entries(stock)[0])
    with pytest.raises(RestoreError, match="reason"):
        carry_out(make, make(False), reason=reason)


def test_another_fingerprint_is_refused(stock):
    make = maker(entries(stock)[0])
    with pytest.raises(ChangedMeanwhile):
        apply(make, "", using=connection.alias, reason="r")


def test_of_two_who_restore_one_is_told_to_look_again(stock, several_writers):
    first, second = entries(stock)[0], entries(stock)[1]
    Stock.objects.update(quantity=9)
    publish()
    plans = [maker(first), maker(second)]
    seen = [make(False) for make in plans]
    held, told = threading.Event(), threading.Event()

    def holding(step, instance):
        held.set()
        assert told.wait(SECONDS)

    def one():
        carry_out(plans[0], seen[0], written=holding)
        return "done"

    def other():
        assert held.wait(SECONDS)
        watcher = threading.Thread(target=let_go)
        watcher.start()
        try:
            carry_out(plans[1], seen[1])
        except ChangedMeanwhile:
            return "look again"
        finally:
            watcher.join()

    def let_go():
        wait_until_somebody_waits_for_a_lock()
        connection.close()
        told.set()

    assert in_threads(one, other) == ["done", "look again"]
    stock.refresh_from_db()
    assert stock.quantity == 3


def test_of_two_who_bring_a_record_back_one_is_told(stock, several_writers):
    stock.delete()
    entry = last_entry(Stock, "delete")
    seen = plan_restore(entry)
    barrier = threading.Barrier(2)

    def bring_back():
        def make(locks):
            plan = plan_restore(entry, locks=locks)
            if locks:
                barrier.wait(SECONDS)
            return plan

        try:
            carry_out(make, seen)
        except RestoreError:
            return "refused"
        return "done"

    assert sorted(in_threads(bring_back, bring_back)) == ["done", "refused"]
    assert Stock.objects.count() == 1


def test_a_writer_who_is_not_done_is_waited_for(stock, several_writers):
    make = maker(entries(stock)[0])
    seen = make(False)
    with LateTransaction(lambda: Stock.objects.update(quantity=5)) as late:
        watcher = threading.Thread(target=lambda: _commit_once_waited_for(late))
        watcher.start()
        with pytest.raises(ChangedMeanwhile):
            carry_out(make, seen)
        watcher.join()
    assert Stock.objects.get().quantity == 5


def _commit_once_waited_for(late):
    wait_until_somebody_waits_for_a_lock()
    connection.close()
    late.commit()


def test_a_crash_between_two_records_leaves_nothing_behind(monkeypatch):
    owner = Owner.objects.create(name="o")
    Cascaded.objects.create(owner=owner)
    Cascaded.objects.create(owner=owner)
    owner.delete()
    entry = last_entry(Owner, "delete")
    before = database_state(), SyncLog.objects.count()
    saved, save = [], applying_module._save

    def crash(*args):
        save(*args)
        saved.append(args)
        if len(saved) == 2:
            raise SystemError

    monkeypatch.setattr(applying_module, "_save", crash)
    with pytest.raises(SystemError):
        plan = plan_undo(entry)
        carry_out(lambda locks: plan_undo(entry, locks=locks), plan)
    assert len(saved) == 2
    assert (database_state(), SyncLog.objects.count()) == before


@pytest.mark.parametrize(
    "told",
    [
        ["no such place"],
        ["no such place\nDETAIL:  Failing row contains (1, kept-back)."],
        [4025, "no such place"],
        [1062, "Duplicate entry 'kept-back' for key 'no such place'"],
    ],
)
def test_what_only_the_database_knows_is_told_in_words(stock, monkeypatch, told):
    make = maker(entries(stock)[0])

    def refuse(*args):
        raise IntegrityError(*told)

    monkeypatch.setattr(applying_module, "_save", refuse)
    with pytest.raises(RestoreError, match="no such place") as caught:
        carry_out(make, make(False))
    assert "kept-back" not in str(caught.value)


def test_what_becomes_invalid_after_the_look_is_told_by_field():
    booking = Booking.objects.create(code="a", room="1")
    Booking.objects.update(code="b")
    make = maker(entries(booking)[0], ["code"])
    seen = make(False)
    Booking.objects.create(code="a", room="2")
    with pytest.raises(Invalid) as caught:
        carry_out(make, seen)
    assert list(caught.value.errors) == ["code"]


def test_what_became_invalid_in_large_plans_is_found_when_written(monkeypatch):
    from sync.restoring import records

    monkeypatch.setattr(records, "ASKED_ABOUT", 0)
    booking = Booking.objects.create(code="a", room="1")
    Booking.objects.update(code="b")
    Booking.objects.create(code="a", room="2")
    make = maker(entries(booking)[0], ["code"])
    assert make(False).is_applicable
    with pytest.raises(RestoreError, match="not valid"):
        carry_out(make, make(False))


def test_a_reference_to_what_is_gone_keeps_from_undoing():
    owner, other = Owner.objects.create(name="a"), Owner.objects.create(name="b")
    child = Restricted.objects.create(owner=owner)
    child.owner = other
    child.save()
    entry = entries(child)[1]
    owner.delete()
    publish()
    assert "which is gone" in " ".join(plan_undo(entry).problems)
