"""The table of writes: every way in which the ORM changes rows, and the entries each must make.

A row is a generator: it makes what the write needs, yields, writes, and yields the entries that
must have been recorded since the first yield, in any order.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import Count, F, OuterRef, Q, RestrictedError, Subquery, Value
from django.db.models.functions import Concat, Upper

from tests.sync.observing import Entry, delete, insert, name_of, update
from tests.testapp.models import (
    Article,
    Cascaded,
    CascadedDeeper,
    Comment,
    Defaulted,
    Draft,
    Everything,
    Label,
    Line,
    Memo,
    Node,
    Nulled,
    Owner,
    Place,
    QuietPlace,
    Reader,
    Reading,
    Restaurant,
    Restricted,
    Seat,
    Stamped,
    Stock,
    Team,
    Ticket,
    Unseen,
)

FIXTURE = Path(__file__).parent / "fixtures" / "stock.json"

Steps = Iterator[list[Entry] | None]


@dataclasses.dataclass(frozen=True)
class Write:
    """One row of the table."""

    steps: Callable[[], Steps]
    changes_key: bool

    def __str__(self) -> str:
        return self.steps.__name__


WRITES: list[Write] = []


def write(steps: Callable[[], Steps]) -> Callable[[], Steps]:
    WRITES.append(Write(steps, changes_key=False))
    return steps


def write_of_a_key(steps: Callable[[], Steps]) -> Callable[[], Steps]:
    """Mark a write that changes primary keys, which needs a database that returns rows."""
    WRITES.append(Write(steps, changes_key=True))
    return steps


def stocks(*skus: str, quantity: int = 1) -> list[Stock]:
    return [Stock.objects.create(sku=sku, warehouse="north", quantity=quantity) for sku in skus]


def labels(*names: str) -> list[Label]:
    return [Label.objects.create(name=name) for name in names]


def pairs(article: Article, action: str) -> list[Entry]:
    """Return the entries of all rows that now tie labels to the article."""
    through = Article.labels.through
    table = through._meta.db_table
    return [(table, name_of(row), action) for row in through.objects.filter(article=article)]


# One instance.


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
    fill(row)
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


# Many at once.


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
        unique_fields=["sku", "warehouse"],
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
        unique_fields=["pk"],
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
        unique_fields=["sku", "warehouse"],
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


@write
def update_of_a_query_set() -> Steps:
    many = stocks("a", "b")
    yield
    Stock.objects.update(quantity=9)
    yield [update(stock) for stock in many]


@write
def update_with_an_expression() -> Steps:
    a, b = stocks("a", "b", quantity=4)
    yield
    Stock.objects.filter(sku="a").update(quantity=F("quantity") - 1, sku=Upper("sku"))
    yield [update(a)]


@write
def update_that_leaves_its_own_filter() -> Steps:
    a, b = stocks("a", "b", quantity=4)
    yield
    Stock.objects.filter(quantity=4).update(quantity=5)
    yield [update(a), update(b)]


@write
def update_that_matches_nothing() -> Steps:
    stocks("a")
    yield
    Stock.objects.filter(sku="z").update(quantity=5)
    Stock.objects.none().update(quantity=5)
    yield []


@write
def update_filtered_through_a_join() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    mine = Cascaded.objects.create(owner=ada)
    Cascaded.objects.create(owner=grace)
    yield
    Cascaded.objects.filter(owner__name="Ada").update(name="hers")
    yield [update(mine)]


@write
def update_filtered_through_a_join_to_many() -> Steps:
    ada = Owner.objects.create(name="Ada")
    for name in "ab":
        Cascaded.objects.create(owner=ada, name=name)
    yield
    Owner.objects.filter(cascaded__name__in=["a", "b"]).update(name="Grace")
    yield [update(ada)]


@write
def update_filtered_through_an_outer_join() -> Steps:
    ada = Owner.objects.create(name="Ada")
    hers, nobodys = Nulled.objects.create(owner=ada), Nulled.objects.create(name="x")
    yield
    Nulled.objects.filter(Q(owner__name="Ada") | Q(name="x")).update(name="both")
    yield [update(hers), update(nobodys)]


@write
def update_filtered_by_a_subquery() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada)
    yield
    Owner.objects.filter(pk__in=Cascaded.objects.values("owner")).update(name="has one")
    Owner.objects.exclude(pk__in=Cascaded.objects.values("owner")).update(name="has none")
    yield [update(ada), update(grace)]


@write
def update_to_the_value_of_a_subquery() -> Steps:
    ada = Owner.objects.create(name="Ada")
    child = Cascaded.objects.create(owner=ada)
    named = Owner.objects.filter(pk=OuterRef("owner")).values("name")
    yield
    Cascaded.objects.update(name=Subquery(named))
    yield [update(child)]


@write
def update_filtered_by_an_annotation() -> Steps:
    a, b = stocks("a", "b", quantity=4)
    yield
    Stock.objects.annotate(shout=Upper("sku")).filter(shout="B").update(quantity=F("quantity") + 1)
    yield [update(b)]


@write
def update_of_an_ordered_query_set() -> Steps:
    many = stocks("a", "b")
    yield
    Stock.objects.order_by("-sku").update(quantity=2)
    yield [update(stock) for stock in many]


@write
def delete_of_a_query_set() -> Steps:
    many = stocks("a", "b")
    Stock.objects.create(sku="c", warehouse="south")
    yield
    Stock.objects.filter(warehouse="north").delete()
    yield [delete(stock) for stock in many]


@write
def delete_that_matches_nothing() -> Steps:
    stocks("a")
    yield
    Stock.objects.filter(sku="z").delete()
    Stock.objects.none().delete()
    yield []


@write
def delete_filtered_through_a_join() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    hers = Nulled.objects.create(owner=ada)
    Nulled.objects.create(owner=grace)
    yield
    Nulled.objects.filter(owner__name="Ada").delete()
    yield [delete(hers)]


@write
def raw_delete() -> Steps:
    a, b = stocks("a", "b")
    yield
    found = Stock.objects.filter(sku="a")
    found._raw_delete(found.db)
    yield [delete(a)]


@write
def raw_delete_filtered_through_a_join() -> Steps:
    ada = Owner.objects.create(name="Ada")
    hers = Nulled.objects.create(owner=ada)
    Nulled.objects.create()
    yield
    found = Nulled.objects.filter(owner__name="Ada")
    found._raw_delete(found.db)
    yield [delete(hers)]


@write
def raw_delete_filtered_through_a_join_to_many() -> Steps:
    article = Article.objects.create(title="a")
    Article.objects.create(title="b")
    for text in "xy":
        Comment.objects.create(subject=article, text=text)
    yield
    found = Article.objects.filter(comments__text__in=["x", "y"])
    found._raw_delete(found.db)
    yield [delete(article)]


# What a foreign key does.


@write
def cascade_in_two_steps() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    child = Cascaded.objects.create(owner=ada)
    deeper = CascadedDeeper.objects.create(parent=child)
    CascadedDeeper.objects.create(parent=Cascaded.objects.create(owner=grace))
    gone = [delete(ada), delete(child), delete(deeper)]
    yield
    ada.delete()
    yield gone


@write
def cascade_of_a_query_set() -> Steps:
    owners = [Owner.objects.create(name=name) for name in ("Ada", "Grace")]
    children = [Cascaded.objects.create(owner=owner) for owner in owners]
    gone = [delete(row) for row in (*owners, *children)]
    yield
    Owner.objects.all().delete()
    yield gone


@write
def set_null_on_a_child() -> Steps:
    ada = Owner.objects.create(name="Ada")
    child = Nulled.objects.create(owner=ada, name="orphan")
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone, update(child)]


@write
def set_default_on_a_child() -> Steps:
    Owner.objects.create(pk=Owner.FALLBACK, name="everybody")
    ada = Owner.objects.create(name="Ada")
    child = Defaulted.objects.create(owner=ada)
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone, update(child)]


@write
def delete_that_a_child_refuses() -> Steps:
    ada = Owner.objects.create(name="Ada")
    Cascaded.objects.create(owner=ada)
    Restricted.objects.create(owner=ada)
    yield
    with pytest.raises(RestrictedError):
        ada.delete()
    yield []


@write
def cascade_within_one_table() -> Steps:
    root = Node.objects.create(name="root")
    leaf = Node.objects.create(name="leaf", parent=Node.objects.create(name="b", parent=root))
    gone = [delete(root), delete(leaf.parent), delete(leaf)]
    yield
    root.delete()
    yield gone


@write
def cascade_without_a_foreign_key() -> Steps:
    article = Article.objects.create(title="a")
    comment = Comment.objects.create(subject=article, text="b")
    gone = [delete(article), delete(comment)]
    yield
    article.delete()
    yield gone


@write
def cascade_into_a_model_that_is_not_registered() -> Steps:
    ada = Owner.objects.create(name="Ada")
    Unseen.objects.create(owner=ada)
    gone = delete(ada)
    yield
    ada.delete()
    yield [gone]


@write
def writes_of_a_model_that_is_not_registered() -> Steps:
    yield
    unseen = Unseen.objects.create(name="a")
    Unseen.objects.update(name="b")
    unseen.delete()
    yield []


@write
def managers_of_the_far_side_of_a_foreign_key() -> Steps:
    ada = Owner.objects.create(name="Ada")
    added, removed = Nulled.objects.create(), Nulled.objects.create(owner=ada)
    yield
    made = ada.nulled_set.create(name="made")
    ada.nulled_set.add(added)
    ada.nulled_set.remove(removed)
    ada.nulled_set.clear()
    yield [insert(made), update(added), update(removed), update(made), update(added)]


# Many-to-many.


@write
def many_to_many_add() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    yield
    article.labels.add(a, b)
    article.labels.add(a)
    yield pairs(article, "insert")


@write
def many_to_many_add_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    yield
    label.articles.add(article)
    yield pairs(article, "insert")


@write
def many_to_many_create() -> Steps:
    article = Article.objects.create(title="a")
    yield
    label = article.labels.create(name="new")
    yield [insert(label), *pairs(article, "insert")]


@write
def many_to_many_remove() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")
    article.labels.add(a)
    gone = pairs(article, "delete")
    article.labels.add(b)
    yield
    article.labels.remove(a)
    yield gone


@write
def many_to_many_remove_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = pairs(article, "delete")
    yield
    label.articles.remove(article)
    yield gone


@write
def many_to_many_set() -> Steps:
    article, (a, b, c) = Article.objects.create(title="a"), labels("a", "b", "c")
    article.labels.add(a)
    gone = pairs(article, "delete")
    article.labels.add(b)
    kept = pairs(article, "delete")
    yield
    article.labels.set([b, c])
    made = [entry for entry in pairs(article, "insert") if (*entry[:2], "delete") not in kept]
    assert len(made) == 1
    yield [*made, *(entry for entry in gone)]


@write
def many_to_many_set_from_the_far_side() -> Steps:
    articles = [Article.objects.create(title=title) for title in "ab"]
    [label] = labels("a")
    label.articles.add(articles[0])
    gone = pairs(articles[0], "delete")
    yield
    label.articles.set([articles[1]])
    yield [*gone, *pairs(articles[1], "insert")]


@write
def many_to_many_clear() -> Steps:
    article = Article.objects.create(title="a")
    article.labels.add(*labels("a", "b"))
    gone = pairs(article, "delete")
    yield
    article.labels.clear()
    yield gone


@write
def many_to_many_clear_from_the_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = pairs(article, "delete")
    yield
    label.articles.clear()
    yield gone


@write
def many_to_many_rows_lost_with_their_owner() -> Steps:
    article = Article.objects.create(title="a")
    article.labels.add(*labels("a", "b"))
    gone = [delete(article), *pairs(article, "delete")]
    yield
    article.delete()
    yield gone


@write
def many_to_many_rows_lost_with_their_far_side() -> Steps:
    article, [label] = Article.objects.create(title="a"), labels("a")
    article.labels.add(label)
    gone = [delete(label), *pairs(article, "delete")]
    yield
    Label.objects.all().delete()
    yield gone


@write
def many_to_many_within_one_table() -> Steps:
    a, b = (Article.objects.create(title=title) for title in "ab")
    through = Article.related.through
    yield
    a.related.add(b)
    both = list(through.objects.all())
    assert len(both) == 2
    made = [insert(row) for row in both]
    b.related.remove(a)
    yield made + [delete(row) for row in both]


@write
def many_to_many_through_a_model_of_its_own() -> Steps:
    article, reader = Article.objects.create(title="a"), Reader.objects.create(name="Ada")
    yield
    article.readers.add(reader, through_defaults={"note": "twice"})
    reading = Reading.objects.get()
    reading.note = "three times"
    reading.save()
    entries = [insert(reading), update(reading), delete(reading)]
    reader.articles.clear()
    yield entries


# One table and several classes, several tables and one class.


@write
def writes_through_a_proxy() -> Steps:
    yield
    place = QuietPlace.objects.create(name="a")
    place.name = "b"
    place.save()
    QuietPlace.objects.update(name="c")
    [other] = QuietPlace.objects.bulk_create([QuietPlace(name="d")])
    entries = [insert(place), update(place), update(place), insert(other), delete(place)]
    place.delete()
    QuietPlace.objects.all().delete()
    yield [*entries, delete(other)]


@write
def save_of_a_new_multi_table_child() -> Steps:
    child = Restaurant(name="a", stars=1)
    yield
    child.save()
    yield [insert(child), insert(child, Place)]


@write
def save_of_a_changed_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a", stars=1)
    yield
    child.name, child.stars = "b", 2
    child.save()
    yield [update(child), update(child, Place)]


@write
def save_of_a_parent_field_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a", stars=1)
    yield
    child.name, child.stars = "b", 99
    child.save(update_fields=["name"])
    yield [update(child, Place)]


@write
def save_of_a_multi_table_child_of_an_existing_parent() -> Steps:
    place = Place.objects.create(name="a")
    child = Restaurant(place_ptr=place, stars=1)
    yield
    child.save_base(raw=True)
    yield [insert(child)]


@write
def update_of_both_tables_of_a_multi_table_child() -> Steps:
    a, b = (Restaurant.objects.create(name=name, stars=1) for name in "ab")
    Restaurant.objects.create(name="c", stars=1)
    yield
    Restaurant.objects.filter(name__in=["a", "b"]).update(name="same", stars=F("stars") + 1)
    yield [update(a), update(a, Place), update(b), update(b, Place)]


@write
def update_of_the_parents_table_through_a_multi_table_child() -> Steps:
    a = Restaurant.objects.create(name="a", stars=3)
    Place.objects.create(name="a")
    yield
    Restaurant.objects.filter(stars=3).update(name="z")
    yield [update(a, Place)]


@write
def update_of_the_childs_table_filtered_by_its_parent() -> Steps:
    a = Restaurant.objects.create(name="a", stars=1)
    Restaurant.objects.create(name="b", stars=1)
    yield
    Restaurant.objects.filter(name="a").update(stars=5)
    yield [update(a)]


@write
def bulk_update_of_multi_table_children() -> Steps:
    a, b = (Restaurant.objects.create(name=name, stars=1) for name in "ab")
    yield
    a.name, a.stars, b.name, b.stars = "x", 2, "y", 3
    Restaurant.objects.bulk_update([a, b], ["name", "stars"])
    yield [update(a), update(a, Place), update(b), update(b, Place)]


@write
def delete_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child), delete(child, Place)]
    yield
    child.delete()
    yield gone


@write
def delete_of_a_multi_table_child_that_keeps_its_parent() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child)]
    yield
    child.delete(keep_parents=True)
    yield gone


@write
def delete_of_the_parent_of_a_multi_table_child() -> Steps:
    child = Restaurant.objects.create(name="a")
    gone = [delete(child), delete(child, Place)]
    yield
    Place.objects.filter(pk=child.pk).delete()
    yield gone


# Keys of other kinds.


@write
def writes_of_a_uuid_key() -> Steps:
    a, b = Ticket(subject="a"), Ticket(subject="b")
    entries = [insert(a), update(a), insert(b), update(a), update(b), delete(a), delete(b)]
    yield
    a.save()
    a.save()
    Ticket.objects.bulk_create([b])
    Ticket.objects.update(subject="c")
    a.delete()
    Ticket.objects.all().delete()
    yield entries


@write
def saves_and_deletes_of_a_composite_key() -> Steps:
    seat = Seat(room="blue", number=1)
    entries = [insert(seat), update(seat), delete(seat)]
    yield
    seat.save(force_insert=True)
    seat.guest = "Ada"
    seat.save()
    seat.delete()
    yield entries


@write
def bulk_writes_of_a_composite_key() -> Steps:
    seats = [Seat(room="blue", number=number) for number in range(3)]
    yield
    Seat.objects.bulk_create(seats)
    for seat in seats:
        seat.guest = f"guest {seat.number}"
    Seat.objects.bulk_update(seats, ["guest"])
    Seat.objects.filter(pk__in=[seats[0].pk, seats[2].pk]).update(guest="Ada")
    Seat.objects.filter(number__gt=1).delete()
    yield [
        *(insert(seat) for seat in seats),
        *(update(seat) for seat in seats),
        update(seats[0]),
        update(seats[2]),
        delete(seats[2]),
    ]


@write
def upsert_of_a_composite_key() -> Steps:
    old = Seat.objects.create(room="blue", number=1)
    new = Seat(room="blue", number=2, guest="Grace")
    yield
    Seat.objects.bulk_create(
        [Seat(room="blue", number=1, guest="Ada"), new],
        update_conflicts=True,
        unique_fields=["room", "number"],
        update_fields=["guest"],
    )
    yield [update(old), insert(new)]


@write_of_a_key
def change_of_a_uuid_key() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    Ticket.objects.create(subject="b")
    gone, other = delete(ticket), Ticket(pk=uuid.UUID(int=7))
    yield
    Ticket.objects.filter(subject="a").update(id=other.pk, subject="moved")
    yield [gone, insert(other)]


@write_of_a_key
def change_of_one_column_of_a_composite_key() -> Steps:
    seats = [Seat.objects.create(room="blue", number=number) for number in (1, 2)]
    gone = [delete(seat) for seat in seats]
    yield
    Seat.objects.update(number=F("number") + 10)
    yield gone + [insert(seat) for seat in Seat.objects.all()]


@write_of_a_key
def change_of_a_key_to_itself() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    yield
    Ticket.objects.update(id=F("id"), subject="b")
    yield [update(ticket)]


@write_of_a_key
def change_of_a_key_that_matches_nothing() -> Steps:
    Ticket.objects.create(subject="a")
    yield
    Ticket.objects.filter(subject="z").update(id=uuid.UUID(int=7))
    yield []


# Values that the database makes.


@write
def generated_columns() -> Steps:
    yield
    line = Line.objects.create(price=3, quantity=4)
    line.quantity = 5
    line.save()
    Line.objects.update(price=F("price") + 1)
    [other] = Line.objects.bulk_create([Line(price=1)])
    yield [insert(line), update(line), update(line), insert(other)]


@write
def database_defaults() -> Steps:
    yield
    line = Line.objects.create(price=3)
    other = Line.objects.create(price=3, status="given")
    yield [insert(line), insert(other)]


# Ways around, ways in.


@write
def loaddata() -> Steps:
    yield
    call_command("loaddata", str(FIXTURE), verbosity=0)
    yield [insert(stock) for stock in Stock.objects.all()]


@write
def loaddata_over_existing_records() -> Steps:
    Stock.objects.create(pk=901, sku="nut", warehouse="north")
    yield
    call_command("loaddata", str(FIXTURE), verbosity=0)
    yield [update(Stock(pk=901)), insert(Stock(pk=902))]


@write
def data_migration() -> Steps:
    """Write as a data migration does, with models that only the migrations know."""
    state = MigrationLoader(connection).project_state([("testapp", "0001_initial")])
    old_stock = state.apps.get_model("testapp", "Stock")
    old_node = state.apps.get_model("testapp", "Node")
    assert old_stock is not Stock
    yield
    stock = old_stock.objects.create(sku="a", warehouse="north")
    stock.quantity = 3
    stock.save()
    old_stock.objects.bulk_create([old_stock(sku="b", warehouse="north")])
    old_stock.objects.update(quantity=F("quantity") + 1)
    other = old_stock.objects.exclude(pk=stock.pk).get()
    root = old_node.objects.create(name="root")
    leaf = old_node.objects.create(name="leaf", parent=root)
    entries = [
        insert(stock),
        update(stock),
        insert(other),
        update(stock),
        update(other),
        insert(root),
        insert(leaf),
        delete(root),
        delete(leaf),
    ]
    root.delete()
    yield entries


@write
def async_saves_and_deletes() -> Steps:
    owner = Owner(name="Ada")

    async def run() -> list[Entry]:
        await owner.asave()
        owner.name = "Grace"
        await owner.asave(update_fields=["name"])
        entries = [insert(owner), update(owner), delete(owner)]
        await owner.adelete()
        other = await Owner.objects.acreate(name="Alan")
        await Owner.objects.aupdate(name="Edsger")
        entries += [insert(other), update(other), delete(other)]
        await Owner.objects.all().adelete()
        return entries

    yield
    yield async_to_sync(run)()


@write
def async_bulk_writes() -> Steps:
    async def run() -> list[Entry]:
        made = await Stock.objects.abulk_create([Stock(sku=s, warehouse="n") for s in "ab"])
        for stock in made:
            stock.quantity = 8
        await Stock.objects.abulk_update(made, ["quantity"])
        team, _ = await Team.objects.aget_or_create(name="red")
        await Team.objects.aupdate_or_create(name="red", defaults={"name": "blue"})
        changed = [insert(stock) for stock in made] + [update(stock) for stock in made]
        return [*changed, insert(team), update(team)]

    yield
    yield async_to_sync(run)()


@write
def async_many_to_many() -> Steps:
    article, (a, b) = Article.objects.create(title="a"), labels("a", "b")

    async def run() -> list[Entry]:
        await article.labels.aadd(a)
        [first] = [row async for row in article.labels.through.objects.all()]
        await article.labels.aset([b])
        [second] = [row async for row in article.labels.through.objects.all()]
        await article.labels.aclear()
        return [insert(first), delete(first), insert(second), delete(second)]

    yield
    yield async_to_sync(run)()


# Transactions.


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
def move_to_another_audience() -> Steps:
    red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
    memo = Memo.objects.create(team=red, text="a")
    yield
    Memo.objects.update(team=blue)
    yield [update(memo)]


@write
def update_filtered_by_a_count() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada)
    yield
    Owner.objects.annotate(children=Count("cascaded")).filter(children=0).update(name="childless")
    yield [update(grace)]


def fill(row: Everything) -> None:
    """Give every column a value that is hard to carry."""
    from tests.sync.values import HARD_VALUES

    for name, value in HARD_VALUES.items():
        setattr(row, name, value)
