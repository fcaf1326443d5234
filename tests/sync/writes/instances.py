"""Writes of one instance."""

from __future__ import annotations

import datetime

import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper

from tests.sync.observing import delete, insert, update
from tests.sync.values import HARD_VALUES
from tests.sync.writes.table import Steps, stocks, write
from tests.testapp.models import (
    Cautious,
    Chapter,
    Club,
    Draft,
    Everything,
    Label,
    Owner,
    Stamped,
    Stock,
    Team,
    Ticket,
)


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


@write
def save_that_looks_first() -> Steps:
    """Save with `select_on_save`, which asks for the row before it updates it."""
    cautious = Cautious(name="a")
    yield
    cautious.save()
    cautious.name = "b"
    cautious.save()
    yield [insert(cautious), update(cautious)]


@write
def save_with_a_changed_key() -> Steps:
    """Save with another primary key, which makes another record."""
    owner = Owner.objects.create(name="Ada")
    copy = Owner(pk=owner.pk + 4711)
    yield
    owner.pk = copy.pk
    owner.save()
    yield [insert(copy)]


@write
def save_of_a_copy() -> Steps:
    owner = Owner.objects.create(name="Ada")
    yield
    owner.pk = None
    owner._state.adding = True
    owner.save()
    yield [insert(owner)]


@write
def raw_save() -> Steps:
    """Save as a deserialiser does: without `pre_save` of the fields."""
    long_ago = datetime.datetime(2001, 2, 3, tzinfo=datetime.UTC)
    stamped = Stamped(pk=4711, name="a", made=long_ago, touched=long_ago)
    yield
    stamped.save_base(raw=True)
    stamped.name = "b"
    stamped.save_base(raw=True)
    yield [insert(stamped), update(stamped)]


@write
def save_of_a_file_that_is_stored_by_the_save() -> Steps:
    row = Everything()
    yield
    row.attachment = ContentFile(b"text", name="a b.txt")
    row.save()
    row.attachment.save("other.txt", ContentFile(b"text"))
    row.attachment.delete()
    yield [insert(row), update(row), update(row)]


@write
def save_of_an_instance_that_is_gone() -> Steps:
    """Save what somebody has deleted: with `update_fields` it fails, else it is made again."""
    owner = Owner.objects.create(name="Ada")
    Owner.objects.filter(pk=owner.pk).delete()
    yield
    with pytest.raises(DatabaseError), transaction.atomic():
        owner.save(update_fields=["name"])
    owner.save()
    yield [insert(owner)]


@write
def save_of_an_instance_that_was_refreshed() -> Steps:
    [stock] = stocks("bolt")
    stale = Stock.objects.get()
    Stock.objects.update(quantity=5)
    yield
    stale.refresh_from_db()
    stale.sku = "nut"
    stale.save()
    yield [update(stock)]


@write
def save_of_a_locked_record() -> Steps:
    stocks("bolt")
    yield
    with transaction.atomic():
        stock = Stock.objects.select_for_update().get()
        stock.quantity += 1
        stock.save()
    yield [update(stock)]


@write
def saves_while_iterating() -> Steps:
    many = stocks("a", "b", "c")
    yield
    for stock in Stock.objects.iterator(chunk_size=2):
        stock.quantity = 3
        stock.save()
    yield [update(stock) for stock in many]


@write
def save_of_an_instance_of_raw_sql() -> Steps:
    """Save what `raw()` has read, with columns left out."""
    stocks("bolt")
    [stock] = Stock.objects.raw("SELECT id, quantity FROM testapp_stock")
    yield
    stock.quantity = 8
    stock.save()
    yield [update(stock)]


@write
def update_or_create_with_defaults_for_new_records() -> Steps:
    [old] = stocks("bolt")
    yield
    for sku in ("bolt", "nut"):
        Stock.objects.update_or_create(
            sku=sku,
            warehouse="north",
            defaults={"quantity": F("quantity") + 1},
            create_defaults={"quantity": 3},
        )
    yield [update(old), insert(Stock.objects.get(sku="nut"))]


@write
def delete_of_an_instance_that_is_gone() -> Steps:
    owner, label = Owner.objects.create(name="Ada"), Label.objects.create(name="a")
    Owner.objects.filter(pk=owner.pk).delete()
    Label.objects.filter(pk=label.pk).delete()
    cautious = Cautious.objects.create(name="a")
    Cautious.objects.filter(pk=cautious.pk).delete()
    yield
    for gone in (owner, label, cautious):
        assert gone.delete()[0] == 0
    yield []


@write
def changes_of_the_order_within_an_owner() -> Steps:
    """Give new records a number within their owner (`order_with_respect_to`) and renumber them."""
    club = Club.objects.create(name="a")
    yield
    chapters = [Chapter.objects.create(club=club, title=title) for title in "abc"]
    club.set_chapter_order([chapter.pk for chapter in reversed(chapters)])
    yield [insert(chapter) for chapter in chapters] + [update(chapter) for chapter in chapters]
