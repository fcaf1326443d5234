"""Writes of many instances at once."""

from __future__ import annotations

from django.db.models import F, Value
from django.db.models.functions import Upper

from tests.sync.observing import insert, update
from tests.sync.writes.table import Steps, on_conflict, stocks, write
from tests.testapp.models import (
    Owner,
    Stock,
    Ticket,
)


@write
def bulk_create() -> Steps:
    yield
    made = Stock.objects.bulk_create(
        [Stock(sku=str(n), warehouse="north", quantity=n) for n in range(7)], batch_size=3
    )
    yield [insert(stock) for stock in made]


@write
def bulk_create_with_and_without_keys() -> Steps:
    yield
    made = Owner.objects.bulk_create([Owner(pk=4711, name="a"), Owner(name="b")])
    yield [insert(owner) for owner in made]


@write
def bulk_create_with_expressions() -> Steps:
    yield
    made = Owner.objects.bulk_create([Owner(name=Upper(Value("ada"))), Owner(name="Grace")])
    yield [insert(owner) for owner in made]


@write
def bulk_create_of_nothing() -> Steps:
    yield
    Owner.objects.bulk_create([])
    yield []


@write
def bulk_create_ignoring_conflicts() -> Steps:
    stocks("bolt")
    yield
    Stock.objects.bulk_create(
        [Stock(sku=sku, warehouse="north", quantity=50) for sku in ("bolt", "nut", "cog")],
        ignore_conflicts=True,
    )
    yield [insert(stock) for stock in Stock.objects.exclude(sku="bolt")]


@write
def bulk_create_ignoring_conflicts_of_keys() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    other = Ticket(subject="c")
    yield
    Ticket.objects.bulk_create([Ticket(pk=ticket.pk, subject="b"), other], ignore_conflicts=True)
    yield [insert(other)]


@write
def bulk_create_where_everything_conflicts() -> Steps:
    stocks("bolt")
    yield
    Stock.objects.bulk_create(
        [Stock(sku="bolt", warehouse="north", quantity=50)], ignore_conflicts=True
    )
    yield []


@write
def bulk_create_updating_conflicts() -> Steps:
    [bolt] = stocks("bolt")
    yield
    Stock.objects.bulk_create(
        [Stock(sku=sku, warehouse="north", quantity=50) for sku in ("nut", "bolt")],
        update_conflicts=True,
        **on_conflict("sku", "warehouse"),
        update_fields=["quantity"],
    )
    yield [update(bolt), insert(Stock.objects.get(sku="nut"))]


@write
def bulk_create_updating_conflicts_of_keys() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    other = Ticket(subject="c")
    yield
    Ticket.objects.bulk_create(
        [other, Ticket(pk=ticket.pk, subject="b")],
        update_conflicts=True,
        **on_conflict("pk"),
        update_fields=["subject"],
    )
    yield [update(ticket), insert(other)]


@write
def bulk_create_updating_records_made_in_the_same_transaction() -> Steps:
    yield
    [bolt] = stocks("bolt")
    Stock.objects.bulk_create(
        [Stock(sku="bolt", warehouse="north", quantity=50)],
        update_conflicts=True,
        **on_conflict("sku", "warehouse"),
        update_fields=["quantity"],
    )
    yield [insert(bolt), update(bolt)]


@write
def bulk_update() -> Steps:
    many = stocks(*"abcde")
    yield
    for number, stock in enumerate(many):
        stock.quantity, stock.sku = number * 10, "never saved"
    Stock.objects.bulk_update(many, ["quantity"], batch_size=2)
    yield [update(stock) for stock in many]


@write
def bulk_update_with_expressions() -> Steps:
    many = stocks("a", "b", quantity=4)
    yield
    for stock in many:
        stock.quantity = F("quantity") + 1
    Stock.objects.bulk_update(many, ["quantity"])
    yield [update(stock) for stock in many]
