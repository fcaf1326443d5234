"""Writes of one instance."""

from __future__ import annotations

from django.db.models import F, Value
from django.db.models.functions import Concat, Upper

from tests.sync.observing import delete, insert, update
from tests.sync.values import HARD_VALUES
from tests.sync.writes.table import Steps, stocks, write
from tests.testapp.models import Draft, Everything, Owner, Stamped, Stock, Team, Ticket


@write
def save_of_a_new_instance() -> Steps:
    owner = Owner(name="Ada")
    yield
    owner.save()
    yield [insert(owner)]


@write
def save_of_a_changed_instance() -> Steps:
    owner = Owner.objects.create(name="Ada")
    yield
    owner.name = "Grace"
    owner.save()
    yield [update(owner)]


@write
def save_of_a_new_instance_with_a_key_of_its_own() -> Steps:
    owner = Owner(pk=4711, name="Ada")
    yield
    owner.save()
    yield [insert(owner)]


@write
def save_of_an_instance_over_an_existing_key() -> Steps:
    owner = Owner.objects.create(name="Ada")
    yield
    Owner(pk=owner.pk, name="Grace").save()
    yield [update(owner)]


@write
def save_with_force_insert() -> Steps:
    ticket = Ticket(subject="a")
    yield
    ticket.save(force_insert=True)
    yield [insert(ticket)]


@write
def save_with_force_update() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    yield
    ticket.subject = "b"
    ticket.save(force_update=True)
    yield [update(ticket)]


@write
def save_with_update_fields_beside_a_dirty_attribute() -> Steps:
    [stock] = stocks("bolt")
    yield
    stock.quantity, stock.sku = 7, "never saved"
    stock.save(update_fields=["quantity"])
    yield [update(stock)]


@write
def save_with_no_update_fields_at_all() -> Steps:
    [stock] = stocks("bolt")
    yield
    stock.quantity = 7
    stock.save(update_fields=[])
    yield []


@write
def save_of_an_f_expression() -> Steps:
    [stock] = stocks("bolt", quantity=3)
    yield
    stock.quantity = F("quantity") * 2 + 1
    stock.save()
    yield [update(stock)]


@write
def save_of_database_functions() -> Steps:
    owner = Owner.objects.create(name="Ada")
    other = Owner(name=Upper(Value("grace")))
    yield
    owner.name = Concat(Upper("name"), Value("!"))
    owner.save()
    other.save()
    yield [update(owner), insert(other)]


@write
def save_of_an_instance_read_with_only() -> Steps:
    [stock] = stocks("bolt")
    partial = Stock.objects.only("quantity").get()
    yield
    partial.quantity = 12
    partial.save()
    yield [update(stock)]


@write
def save_of_an_instance_read_with_defer() -> Steps:
    [stock] = stocks("bolt")
    partial = Stock.objects.defer("quantity").get()
    yield
    partial.sku = "nut"
    partial.save()
    yield [update(stock)]


@write
def save_that_fills_in_times() -> Steps:
    old = Stamped.objects.create(name="a")
    new = Stamped(name="b")
    yield
    old.save()
    new.save()
    yield [update(old), insert(new)]


@write
def save_of_a_column_named_otherwise_and_an_excluded_one() -> Steps:
    draft = Draft(title="a", scratch="kept back")
    yield
    draft.save()
    draft.title = "b"
    draft.save()
    yield [insert(draft), update(draft)]


@write
def save_of_every_type_of_value() -> Steps:
    row = Everything()
    yield
    row.save()
    for name, value in HARD_VALUES.items():
        setattr(row, name, value)
    row.save()
    yield [insert(row), update(row)]


@write
def create() -> Steps:
    yield
    owner = Owner.objects.create(name="Ada")
    yield [insert(owner)]


@write
def get_or_create_of_a_new_record() -> Steps:
    yield
    team, _ = Team.objects.get_or_create(name="red")
    yield [insert(team)]


@write
def get_or_create_of_an_existing_record() -> Steps:
    Team.objects.create(name="red")
    yield
    Team.objects.get_or_create(name="red")
    yield []


@write
def update_or_create_of_a_new_record() -> Steps:
    yield
    stock, _ = Stock.objects.update_or_create(
        sku="bolt", warehouse="north", defaults={"quantity": 3}
    )
    yield [insert(stock)]


@write
def update_or_create_of_an_existing_record() -> Steps:
    [stock] = stocks("bolt")
    yield
    Stock.objects.update_or_create(sku="bolt", warehouse="north", defaults={"quantity": 3})
    yield [update(stock)]


@write
def delete_of_an_instance() -> Steps:
    owner = Owner.objects.create(name="Ada")
    gone = delete(owner)
    yield
    owner.delete()
    yield [gone]


@write
def delete_of_an_instance_with_unsaved_attributes() -> Steps:
    [stock] = stocks("bolt")
    gone = delete(stock)
    yield
    stock.quantity = 99
    stock.delete()
    yield [gone]
