"""Models with values that the database computes when it is asked, or when it inserts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class VirtualLine(models.Model):
    """A column that is stored nowhere; registered by the writes about it, for its table exists
    only where the database has such columns."""

    code = models.CharField(max_length=20, unique=True)
    price = models.IntegerField()
    quantity = models.IntegerField(default=1)
    total = models.GeneratedField(
        expression=models.F("price") * models.F("quantity"),
        output_field=models.IntegerField(),
        db_persist=False,
    )

    class Meta:
        required_db_features: ClassVar = {"supports_virtual_generated_columns"}

    def __str__(self) -> str:
        return f"{self.quantity} x {self.price}"


class Named(models.Model):
    """A key that the database gives by a default, not by a sequence."""

    code = models.CharField(max_length=20, primary_key=True, db_default="first")
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Reckoned(models.Model):
    """A computed column and a database default in the way of an upsert."""

    code = models.CharField(max_length=20, unique=True)
    price = models.IntegerField(db_default=7)
    double = models.GeneratedField(
        expression=models.F("price") * 2, output_field=models.IntegerField(), db_persist=True
    )
    made = models.DateTimeField(db_default=Now())
    touched = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.code
