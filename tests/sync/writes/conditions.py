"""Updates and deletes of rows found in ways that a plain condition is not."""

from __future__ import annotations

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    Max,
    OuterRef,
    Q,
    Value,
    When,
    Window,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Concat, Length, RowNumber

from tests.sync.observing import delete, insert, update
from tests.sync.values import HARD_VALUES
from tests.sync.writes.table import Steps, needs, stocks, write
from tests.testapp.models import (
    Cascaded,
    Everything,
    Node,
    Nulled,
    Owner,
    Seat,
    Stock,
    Ticket,
)


@write
def update_by_cases() -> Steps:
    a, b = stocks("a", "b")
    yield
    Stock.objects.update(quantity=Case(When(sku="a", then=Value(5)), default=F("quantity")))
    yield [update(a), update(b)]


@write
def update_filtered_by_exists() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada)
    children = Cascaded.objects.filter(owner=OuterRef("pk"))
    yield
    Owner.objects.filter(Exists(children)).update(name="has one")
    Owner.objects.filter(~Exists(children)).update(name="has none")
    yield [update(ada), update(grace)]


@write
def update_filtered_by_its_own_table() -> Steps:
    a, b = stocks("a", "b")
    Stock.objects.filter(sku="b").update(quantity=9)
    yield
    most = Stock.objects.values("warehouse").annotate(most=Max("quantity")).values("most")
    Stock.objects.filter(quantity__in=most).update(quantity=1)
    Stock.objects.filter(pk__in=Stock.objects.filter(sku="a")).delete()
    yield [update(b), delete(a)]


@write
def update_to_an_annotation() -> Steps:
    a, b = stocks("a", "bb")
    yield
    Stock.objects.annotate(length=Length("sku")).update(quantity=F("length"))
    Stock.objects.alias(length=Length("sku")).filter(length=2).update(quantity=0)
    yield [update(a), update(b), update(b)]


@write
def update_in_an_order() -> Steps:
    """Update with an order, which MariaDB takes into the statement: else the keys collide."""
    many = stocks(*"abc")
    for stock in many:
        stock.sku = f"{stock.pk:05}"
        stock.save()
    yield
    Stock.objects.order_by("-pk").update(sku=Concat("sku", Value("!")))
    Stock.objects.order_by("warehouse", "-sku").filter(quantity=1).update(quantity=2)
    yield [update(stock) for stock in many for _ in range(2)]


@write
def update_of_a_distinct_query_set() -> Steps:
    ada = Owner.objects.create(name="Ada")
    for name in "ab":
        Cascaded.objects.create(owner=ada, name=name)
    yield
    Owner.objects.filter(cascaded__name__in=["a", "b"]).distinct().update(name="Grace")
    yield [update(ada)]


@write
def delete_of_a_distinct_query_set() -> Steps:
    ada = Owner.objects.create(name="Ada")
    children = [Cascaded.objects.create(owner=ada, name=name) for name in "ab"]
    gone = [delete(ada), *(delete(child) for child in children)]
    yield
    Owner.objects.filter(cascaded__name__in=["a", "b"]).distinct().delete()
    yield gone


@write
def writes_of_a_slice_by_a_subquery() -> Steps:
    """Update and delete the first rows, which a slice finds."""
    many = [Ticket.objects.create(subject=str(number)) for number in range(4)]
    gone = delete(many[3])
    yield
    first = Ticket.objects.order_by("subject").values_list("pk", flat=True)[:2]
    last = Ticket.objects.order_by("-subject").values_list("pk", flat=True)[:1]
    found, gone_key = list(first), list(last)
    Ticket.objects.filter(pk__in=found).update(subject="x")
    Ticket.objects.filter(pk__in=gone_key).delete()
    yield [update(many[0]), update(many[1]), gone]


@write
def delete_of_a_slice_within_the_statement() -> Steps:
    needs("allow_sliced_subqueries_with_in")
    many = [Ticket.objects.create(subject=str(number)) for number in range(4)]
    gone = [delete(many[2]), delete(many[3])]
    yield
    Ticket.objects.filter(pk__in=Ticket.objects.order_by("subject")[2:]).delete()
    Ticket.objects.filter(pk__in=Ticket.objects.order_by("subject")[:1]).update(subject="x")
    yield [*gone, update(many[0])]


@write
def update_filtered_by_a_filtered_relation() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada, name="a")
    Cascaded.objects.create(owner=grace, name="b")
    yield
    named = FilteredRelation("cascaded", condition=Q(cascaded__name="a"))
    Owner.objects.annotate(a=named).filter(a__isnull=False).update(name="x")
    yield [update(ada)]


@write
def update_filtered_by_a_window() -> Steps:
    a, b = stocks("a", "b")
    yield
    numbered = Stock.objects.annotate(row=Window(RowNumber(), order_by="sku")).filter(row=2)
    Stock.objects.filter(pk__in=[stock.pk for stock in numbered]).update(quantity=7)
    yield [update(b)]


@write
def writes_with_fragments_of_sql() -> Steps:
    """Update and delete with `extra()` and `RawSQL`, which the ORM still executes."""
    a, b = stocks("a", "b")
    gone = delete(b)
    yield
    Stock.objects.extra(where=["sku = %s"], params=["a"]).update(
        quantity=RawSQL("quantity + %s", [4])
    )
    Stock.objects.extra(where=["sku = %s"], params=["b"]).delete()
    yield [update(a), gone]


@write
def writes_excluded_through_a_join() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    hers, free = Nulled.objects.create(owner=ada), Nulled.objects.create(owner=grace)
    gone = delete(hers)
    yield
    Nulled.objects.exclude(owner__name="Ada").update(name="free")
    Nulled.objects.exclude(owner__name="Grace").delete()
    yield [update(free), gone]


@write
def delete_filtered_by_a_count() -> Steps:
    ada, grace = (Owner.objects.create(name=name) for name in ("Ada", "Grace"))
    Cascaded.objects.create(owner=ada)
    gone = delete(grace)
    yield
    Owner.objects.annotate(children=Count("cascaded")).filter(children=0).delete()
    yield [gone]


@write
def raw_delete_filtered_by_its_own_table() -> Steps:
    root = Node.objects.create(name="a")
    leaf = Node.objects.create(name="b", parent=root)
    gone = delete(leaf)
    yield
    found = Node.objects.filter(parent__in=Node.objects.filter(name="a"))
    found._raw_delete(found.db)
    yield [gone]


@write
def update_to_an_instance_and_to_null() -> Steps:
    ada = Owner.objects.create(name="Ada")
    child = Nulled.objects.create()
    yield
    Nulled.objects.update(owner=ada)
    Nulled.objects.update(owner=None)
    yield [update(child), update(child)]


@write
def update_of_hard_values_by_a_query_set() -> Steps:
    row = Everything.objects.create()
    yield
    Everything.objects.update(**HARD_VALUES)
    Everything.objects.filter(options__a="").update(real=F("real") / 3, options={"b": [1]})
    yield [update(row), update(row)]


@write
def delete_of_thousands_of_rows() -> Steps:
    """Delete more rows than a statement has parameters: by a query set, by keys, by instances."""
    made = Ticket.objects.bulk_create([Ticket(subject=str(n % 3)) for n in range(2100)])
    gone = [delete(ticket) for ticket in made]
    yield
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in made if ticket.subject == "0"]).delete()
    found = Ticket.objects.in_bulk([ticket.pk for ticket in made])
    assert len(found) == 1400
    Ticket.objects.filter(pk__in=[pk for pk, t in found.items() if t.subject == "1"]).update(
        subject="2"
    )
    moved = [update(ticket) for ticket in made if ticket.subject == "1"]
    Ticket.objects.filter(subject="2").delete()
    yield [*gone, *moved]


@write
def delete_of_thousands_of_rows_and_their_children() -> Steps:
    owners = Owner.objects.bulk_create([Owner(name=str(n)) for n in range(1010)])
    owners = list(Owner.objects.all())
    Cascaded.objects.bulk_create([Cascaded(owner=owner) for owner in owners])
    Nulled.objects.bulk_create([Nulled(owner=owner) for owner in owners])
    gone = [delete(row) for row in (*owners, *Cascaded.objects.all())]
    changed = [update(row) for row in Nulled.objects.all()]
    yield
    Owner.objects.all().delete()
    yield [*gone, *changed]


@write
def writes_of_hundreds_of_composite_keys() -> Steps:
    seats = [Seat(room="blue", number=number) for number in range(450)]
    yield
    Seat.objects.bulk_create(seats)
    Seat.objects.filter(number__gte=0).update(guest="Ada")
    entries = [entry(seat) for entry in (insert, update, delete) for seat in seats]
    Seat.objects.filter(room="blue").delete()
    yield entries
