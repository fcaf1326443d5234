"""Updates and deletes of whatever a query matches."""

from __future__ import annotations

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Upper

from tests.sync.observing import delete, update
from tests.sync.writes.table import Steps, stocks, write
from tests.testapp.models import (
    Article,
    Cascaded,
    Comment,
    Memo,
    Node,
    Nulled,
    Owner,
    Stock,
    Team,
)


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
def writes_filtered_through_a_join_to_the_same_table() -> Steps:
    root = Node.objects.create(name="root")
    leaf = Node.objects.create(name="leaf", parent=root)
    yield
    Node.objects.filter(parent__name="root").update(name="new")
    Node.objects.filter(parent__name="root").delete()
    yield [update(leaf), delete(leaf)]


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


@write
def update_filtered_by_a_count() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada)
    yield
    Owner.objects.annotate(children=Count("cascaded")).filter(children=0).update(name="childless")
    yield [update(grace)]


@write
def move_to_another_audience() -> Steps:
    red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
    memo = Memo.objects.create(team=red, text="a")
    yield
    Memo.objects.update(team=blue)
    yield [update(memo)]
