"""Models whose writes take every path through the ORM.

Each docstring names the path that the model is there for. What does not fit here is in the modules
beside it, which this one imports, for Django looks for models here.
"""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Now


class Everything(models.Model):
    """Every type of value that the encoding must carry unharmed."""

    char = models.CharField(max_length=100, blank=True, default="")
    text = models.TextField(blank=True, default="")
    slug = models.SlugField(blank=True, default="")
    integer = models.IntegerField(default=0)
    big = models.BigIntegerField(default=0)
    decimal = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    real = models.FloatField(default=0.0)
    flag = models.BooleanField(default=False)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    mark = models.UUIDField(null=True)
    options = models.JSONField(default=dict)
    blob = models.BinaryField(default=b"")
    attachment = models.FileField(upload_to="attachments", blank=True, default="")
    address = models.GenericIPAddressField(null=True)
    maybe = models.IntegerField(null=True)

    def __str__(self) -> str:
        return self.char


class Stamped(models.Model):
    """Values that a save fills in by itself, also where the caller did not touch them."""

    name = models.CharField(max_length=100)
    made = models.DateTimeField(auto_now_add=True)
    touched = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class Ticket(models.Model):
    """A key that is known before the insert and is no number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    subject = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.subject


class Seat(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("room", "number")
    room = models.CharField(max_length=20)
    number = models.IntegerField()
    guest = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.room} {self.number}"


class Owner(models.Model):
    """What the four kinds of children hang on; `FALLBACK` takes over orphans."""

    # Far from the numbers that a sequence hands out, so that a test can make it at any time.
    FALLBACK: Final = 1_000_000

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Cascaded(models.Model):
    """Deleted with its owner."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE)
    name = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class CascadedDeeper(models.Model):
    """Deleted with the owner of its parent, in a second step of the collector."""

    parent = models.ForeignKey(Cascaded, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"below {self.parent_id}"


class Nulled(models.Model):
    """Updated, not deleted, when its owner goes."""

    owner = models.ForeignKey(Owner, on_delete=models.SET_NULL, null=True)
    name = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Defaulted(models.Model):
    """Handed to the fallback owner when its owner goes."""

    owner = models.ForeignKey(Owner, on_delete=models.SET_DEFAULT, default=Owner.FALLBACK)

    def __str__(self) -> str:
        return f"of {self.owner_id}"


class Restricted(models.Model):
    """Refuses that its owner goes: a delete that must leave no trace."""

    owner = models.ForeignKey(Owner, on_delete=models.RESTRICT)

    def __str__(self) -> str:
        return f"of {self.owner_id}"


class Node(models.Model):
    """A tree in one table: a delete cascades within it."""

    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    """The far side of a many-to-many relation."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Reader(models.Model):
    """The far side of a relation with a through model of its own."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Article(models.Model):
    """Relations whose rows are written by the ORM alone."""

    title = models.CharField(max_length=100)
    labels = models.ManyToManyField(Label, related_name="articles")
    related = models.ManyToManyField("self")
    readers = models.ManyToManyField(Reader, through="Reading", related_name="articles")
    comments = GenericRelation("testapp.Comment")

    def __str__(self) -> str:
        return self.title


class Reading(models.Model):
    """A through model with a field of its own."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE)
    note = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.note


class Comment(models.Model):
    """Cascades without a foreign key."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.BigIntegerField()
    subject = GenericForeignKey()
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text


class Place(models.Model):
    """The parent row of a multi-table child."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Restaurant(Place):
    """Two tables, one save."""

    stars = models.IntegerField(default=0)


class QuietPlace(Place):
    """Another class over the same table."""

    class Meta:
        proxy = True


class Stock(models.Model):
    """A unique constraint for upserts to conflict on."""

    sku = models.CharField(max_length=20)
    warehouse = models.CharField(max_length=20)
    quantity = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="testapp_stock_place")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class Line(models.Model):
    """Values that only the database knows: computed columns and its own defaults."""

    price = models.IntegerField()
    quantity = models.IntegerField(default=1)
    total = models.GeneratedField(
        expression=models.F("price") * models.F("quantity"),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    status = models.CharField(max_length=20, db_default="new")
    booked = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.quantity} x {self.price}"


class Team(models.Model):
    """Names an audience."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Memo(models.Model):
    """Heard by its team alone; moving it to another team moves it out of the first one's sight."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text


class Account(models.Model):
    """Fields that look secret."""

    name = models.CharField(max_length=100)
    password = models.CharField(max_length=100, blank=True, default="")
    api_token = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Draft(models.Model):
    """A field kept back by the host, and a column named otherwise than its field."""

    title = models.CharField(max_length=100, db_column="heading")
    scratch = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return self.title


class Unseen(models.Model):
    """Never registered: its writes must leave the log alone."""

    name = models.CharField(max_length=100)
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, null=True)

    def __str__(self) -> str:
        return self.name


from tests.testapp.computed import Named, Reckoned, VirtualLine  # noqa: E402, F401
from tests.testapp.relations import (  # noqa: E402, F401
    Booking,
    Branch,
    Cargo,
    Cautious,
    Chapter,
    Club,
    Person,
    Profile,
    RefrigeratedTruck,
    Truck,
    Vehicle,
)
from tests.testapp.texts import Coupon  # noqa: E402, F401

if hasattr(models, "DB_CASCADE"):
    from tests.testapp import spreading  # noqa: F401
