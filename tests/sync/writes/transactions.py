"""Writes that are nested, rolled back, or fail."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.sync.observing import insert, update
from tests.sync.writes.table import Steps, stocks, write
from tests.testapp.models import Owner, Stock


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
