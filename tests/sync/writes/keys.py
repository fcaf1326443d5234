"""Keys that are no numbers, and keys that change."""

from __future__ import annotations

import uuid

from django.db.models import F

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, on_conflict, write
from tests.testapp.models import Seat, Ticket


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
        **on_conflict("room", "number"),
        update_fields=["guest"],
    )
    yield [update(old), insert(new)]


@write
def change_of_a_uuid_key() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    Ticket.objects.create(subject="b")
    gone, other = delete(ticket), Ticket(pk=uuid.UUID(int=7))
    yield
    Ticket.objects.filter(subject="a").update(id=other.pk, subject="moved")
    yield [gone, insert(other)]


@write
def change_of_one_column_of_a_composite_key() -> Steps:
    seats = [Seat.objects.create(room="blue", number=number) for number in (1, 2)]
    gone = [delete(seat) for seat in seats]
    yield
    Seat.objects.update(number=F("number") + 10)
    yield gone + [insert(seat) for seat in Seat.objects.all()]


@write
def change_of_a_key_to_itself() -> Steps:
    ticket = Ticket.objects.create(subject="a")
    yield
    Ticket.objects.update(id=F("id"), subject="b")
    yield [update(ticket)]


@write
def change_of_a_key_that_matches_nothing() -> Steps:
    Ticket.objects.create(subject="a")
    yield
    Ticket.objects.filter(subject="z").update(id=uuid.UUID(int=7))
    yield []
