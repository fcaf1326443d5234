"""Inserts that may conflict: inserted, updated and ignored rows are told apart."""

from __future__ import annotations

from django.db import connection

from sync import statements
from tests.sync.observing import insert, update
from tests.sync.writes.table import Steps, on_conflict, write
from tests.testapp.models import Booking, Owner, Reckoned, Seat, Stock, Ticket


def booked(code: str, room: str, *, note: str | None = None, cancelled: bool = False) -> Booking:
    return Booking.objects.create(code=code, room=room, note=note, cancelled=cancelled)


@write
def upsert_of_new_old_and_unchanged_rows() -> Steps:
    """Upsert three in one statement; the one that is written as it was is an update too, but
    where the database does not count it as one."""
    old, same = (Stock.objects.create(sku=sku, warehouse="n", quantity=1) for sku in "ab")
    yield
    Stock.objects.bulk_create(
        [
            Stock(sku="c", warehouse="n", quantity=1),
            Stock(sku="a", warehouse="n", quantity=9),
            Stock(sku="b", warehouse="n", quantity=1),
        ],
        update_conflicts=True,
        update_fields=["quantity"],
        **on_conflict("sku", "warehouse"),
    )
    new = Stock.objects.get(sku="c")
    yield [insert(new), update(old), *([update(same)] if returns_rows() else [])]


@write
def upsert_of_one_key_twice() -> Steps:
    """Name one new record twice, which PostgreSQL refuses and the others execute."""
    yield
    twice = [Stock(sku="a", warehouse="n", quantity=quantity) for quantity in (1, 2)]
    if connection.vendor == "postgresql":
        Stock.objects.bulk_create(twice[1:])
        yield [insert(Stock.objects.get())]
    Stock.objects.bulk_create(
        twice,
        update_conflicts=True,
        update_fields=["quantity"],
        **on_conflict("sku", "warehouse"),
    )
    stock = Stock.objects.get()
    yield [insert(stock), *([update(stock)] if returns_rows() else [])]


@write
def upsert_with_computed_values() -> Steps:
    """Upsert rows with a generated column, a default of the database and an `auto_now` one."""
    old = Reckoned.objects.create(code="a", price=1)
    yield
    Reckoned.objects.bulk_create(
        [Reckoned(code="a", price=2), Reckoned(code="b")],
        update_conflicts=True,
        update_fields=["price", "touched"],
        **on_conflict("code"),
    )
    yield [update(old), insert(Reckoned.objects.get(code="b"))]


@write
def upsert_with_nulls_which_never_conflict() -> Steps:
    old = booked("a", "red", note="x")
    booked("b", "blue")
    yield
    Booking.objects.bulk_create(
        [
            Booking(code="c", room="green", note=None),
            Booking(code="d", room="white", note="x", cancelled=True),
        ],
        update_conflicts=True,
        update_fields=["cancelled"],
        **on_conflict("note"),
    )
    yield [insert(Booking.objects.get(code="c")), update(old)]


@write
def ignored_conflicts_of_several_unique_sets() -> Steps:
    """Ignore what is in the way by its code, by its note, and among some rows only by its room."""
    booked("a", "red", note="x")
    yield
    Booking.objects.bulk_create(
        [
            Booking(code="a", room="blue"),
            Booking(code="b", room="blue", note="x"),
            Booking(code="d", room="green", note="y"),
            *partially_conflicting("c", "red"),
        ],
        ignore_conflicts=True,
    )
    yield [insert(Booking.objects.get(code="d"))]


def partially_conflicting(code: str, room: str) -> list[Booking]:
    """Return a booking that conflicts only where a constraint can have a condition."""
    partial = connection.features.supports_partial_indexes
    return [Booking(code=code, room=room)] if partial else []


@write
def ignored_conflicts_of_one_statement_with_itself() -> Steps:
    yield
    Booking.objects.bulk_create(
        [Booking(code="a", room="red"), Booking(code="a", room="blue")], ignore_conflicts=True
    )
    yield [insert(Booking.objects.get())]


@write
def ignored_conflicts_where_nothing_can_conflict() -> Steps:
    """Insert into a table whose only unique column is the number that it gives itself."""
    yield
    Owner.objects.bulk_create([Owner(name=name) for name in "abc"], ignore_conflicts=True)
    yield [insert(owner) for owner in Owner.objects.all()]


@write
def ignored_conflicts_of_a_composite_key() -> Steps:
    Seat.objects.create(room="blue", number=1)
    new = Seat(room="blue", number=2)
    yield
    Seat.objects.bulk_create([Seat(room="blue", number=1, guest="Ada"), new], ignore_conflicts=True)
    yield [insert(new)]


@write
def upsert_of_many_rows() -> Steps:
    """Upsert more rows than one look-up takes, half of them new."""
    tickets = [Ticket(subject=str(number)) for number in range(450)]
    Ticket.objects.bulk_create(tickets[::2])
    for ticket in tickets:
        ticket.subject += "!"
    yield
    Ticket.objects.bulk_create(
        tickets, update_conflicts=True, update_fields=["subject"], **on_conflict("pk")
    )
    yield [update(ticket) for ticket in tickets[::2]] + [insert(t) for t in tickets[1::2]]


def returns_rows() -> bool:
    """Tell whether the upsert itself says which rows it has touched."""
    return statements.returns_upserts(connection)
