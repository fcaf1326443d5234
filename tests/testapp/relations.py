"""Models whose rows hang on each other in ways that `models.py` has none of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Branch(models.Model):
    """A tree in one table whose children outlive their parent: a delete updates its own table."""

    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True)

    def __str__(self) -> str:
        return self.name


class PersonManager(models.Manager["Person"]):
    """Finds people by what fixtures call them."""

    def get_by_natural_key(self, nick: str) -> Person:
        return self.get(nick=nick)


class Person(models.Model):
    """Named by fixtures with a natural key instead of a number."""

    nick = models.CharField(max_length=50, unique=True)

    objects = PersonManager()

    def __str__(self) -> str:
        return self.nick

    def natural_key(self) -> tuple[str]:
        return (self.nick,)


class Profile(models.Model):
    """The far side of a one-to-one relation, written from its near side."""

    person = models.OneToOneField(Person, on_delete=models.SET_NULL, null=True)
    text = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.text


class Club(models.Model):
    """Many-to-many rows that a fixture writes with natural keys."""

    name = models.CharField(max_length=100)
    members = models.ManyToManyField(Person, related_name="clubs")

    def __str__(self) -> str:
        return self.name


class Chapter(models.Model):
    """Numbered within its club by Django itself, in a hidden column."""

    club = models.ForeignKey(Club, on_delete=models.CASCADE)
    title = models.CharField(max_length=100)

    class Meta:
        order_with_respect_to = "club"

    def __str__(self) -> str:
        return self.title


class Vehicle(models.Model):
    """One of two parents, with a key of its own name."""

    vehicle_id = models.BigAutoField(primary_key=True)
    wheels = models.IntegerField(default=4)

    def __str__(self) -> str:
        return f"{self.wheels} wheels"


class Cargo(models.Model):
    """The other parent, whose key is not the child's."""

    cargo_id = models.BigAutoField(primary_key=True)
    weight = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.weight} t"


class Truck(Vehicle, Cargo):
    """Three tables, one save; an update of `weight` finds its rows through two keys."""

    plate = models.CharField(max_length=20)


class RefrigeratedTruck(Truck):
    """The fourth table below."""

    degrees = models.IntegerField(default=0)


class Cautious(models.Model):
    """Looks for the row before it updates it, as for databases that count wrongly."""

    name = models.CharField(max_length=100)

    class Meta:
        select_on_save = True

    def __str__(self) -> str:
        return self.name


class Booking(models.Model):
    """Unique only among those not cancelled, and by code; either may be in an insert's way."""

    code = models.CharField(max_length=20, unique=True)
    room = models.CharField(max_length=20)
    cancelled = models.BooleanField(default=False)
    note = models.CharField(max_length=20, null=True, unique=True)  # noqa: DJ001  # nulls never conflict

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["room"],
                condition=models.Q(cancelled=False),
                name="testapp_booking_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.room}"
