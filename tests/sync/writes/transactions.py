"""Writes that are nested, rolled back, or fail."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, stocks, write
from tests.testapp.models import Cascaded, Owner, Stock


@write
def nested_transactions() -> Steps:
    yield
    with transaction.atomic():
        a = Owner.objects.create(name="a")
        with transaction.atomic():
            b = Owner.objects.create(name="b")
            with transaction.atomic(savepoint=False):
                Owner.objects.update(name="c")
    yield [insert(a), insert(b), update(a), update(b)]


@write
def rollback_to_a_savepoint() -> Steps:
    yield
    with transaction.atomic():
        a = Owner.objects.create(name="a")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Owner.objects.update(name="rolled back")
            Owner.objects.create(name="rolled back")
            raise ZeroDivisionError
        b = Owner.objects.create(name="b")
    yield [insert(a), insert(b)]


@write
def save_that_fails() -> Steps:
    stocks("bolt")
    yield
    with pytest.raises(IntegrityError), transaction.atomic():
        stocks("nut", "bolt")
    yield []


@write
def update_that_fails() -> Steps:
    stocks("bolt", "nut")
    yield
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.update(sku="same")
    yield []


@write
def several_saves_of_one_record() -> Steps:
    """Save one record again and again in one transaction: each save is an entry."""
    yield
    with transaction.atomic():
        stock = Stock.objects.create(sku="a", warehouse="n")
        for quantity in (2, 3):
            stock.quantity = quantity
            stock.save()
    yield [insert(stock), update(stock), update(stock)]


@write
def delete_and_new_record_of_the_same_key_in_one_transaction() -> Steps:
    owner = Owner.objects.create(name="Ada")
    again = Owner(pk=owner.pk, name="Grace")
    yield
    with transaction.atomic():
        owner.delete()
        again.save(force_insert=True)
    yield [delete(again), insert(again)]


@write
def delete_and_new_record_of_the_same_key() -> Steps:
    owner = Owner.objects.create(name="Ada")
    again = Owner(pk=owner.pk, name="Grace")
    yield
    owner.delete()
    again.save()
    Owner.objects.filter(pk=again.pk).delete()
    Owner.objects.bulk_create([again])
    yield [delete(again), insert(again), delete(again), insert(again)]


@write
def insert_and_delete_in_one_transaction() -> Steps:
    owner = Owner(pk=4711, name="Ada")
    entries = [insert(owner), delete(owner)]
    yield
    with transaction.atomic():
        owner.save()
        owner.delete()
    yield entries


@write
def delete_that_is_rolled_back_to_a_savepoint() -> Steps:
    owner = Owner.objects.create(name="Ada")
    child = Cascaded.objects.create(owner=owner)
    yield
    with transaction.atomic():
        child.save()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Owner.objects.all().delete()
            raise ZeroDivisionError
        child.save()
    yield [update(child), update(child)]


@write
def savepoints_by_hand() -> Steps:
    # Renamed by Django 6.1.
    savepoint = getattr(transaction, "savepoint_create", None) or transaction.savepoint
    yield
    with transaction.atomic():
        kept = Owner.objects.create(name="a")
        mark = savepoint()
        Owner.objects.create(name="undone")
        transaction.savepoint_rollback(mark)
        mark = savepoint()
        also = Owner.objects.create(name="b")
        transaction.savepoint_commit(mark)
    yield [insert(kept), insert(also)]


@write
def rollback_of_an_inner_block_without_a_savepoint() -> Steps:
    """Fail in `atomic(savepoint=False)`, which takes the outer block along."""
    yield
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Owner.objects.create(name="a")
        with transaction.atomic(savepoint=False):
            Owner.objects.create(name="b")
            raise ZeroDivisionError
    yield []


@write
def durable_transaction() -> Steps:
    yield
    with transaction.atomic(durable=True):
        owner = Owner.objects.create(name="a")
        with transaction.atomic():
            owner.save()
    yield [insert(owner), update(owner)]


@write
def bulk_write_that_fails_halfway() -> Steps:
    """Fail in the second batch of a bulk insert, whose first has been recorded by then."""
    stocks("d")
    yield
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.bulk_create(
            [Stock(sku=sku, warehouse="north") for sku in "abcd"], batch_size=2
        )
    yield []


@write
def delete_that_the_database_refuses() -> Steps:
    """Delete behind the collector's back what is still pointed at."""
    owner = Owner.objects.create(name="Ada")
    Cascaded.objects.create(owner=owner)
    yield
    with pytest.raises(IntegrityError), transaction.atomic():
        found = Owner.objects.filter(pk=owner.pk)
        found._raw_delete(found.db)
        connection.check_constraints()
    yield []


@write
def save_whose_signal_handler_fails() -> Steps:
    """Fail in `post_save`: outside of a block the row stays, and so does its entry."""

    def fail(**kwargs: object) -> None:
        raise ZeroDivisionError

    owner = Owner(name="a")
    post_save.connect(fail, sender=Owner)
    yield
    try:
        with pytest.raises(ZeroDivisionError):
            owner.save()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Owner.objects.create(name="b")
    finally:
        post_save.disconnect(fail, sender=Owner)
    yield [insert(owner)]
