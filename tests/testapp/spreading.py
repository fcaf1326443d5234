"""Models whose rows the database itself changes when their parent goes (Django 6.1)."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models


class Plot(models.Model):
    """What the others hang on, by its key and by its code."""

    FALLBACK: Final = 1_000_000

    name = models.CharField(max_length=100, blank=True, default="")
    code = models.CharField(max_length=20, unique=True, null=True)  # noqa: DJ001  # nulls never conflict

    def __str__(self) -> str:
        return self.name


class Tree(models.Model):
    """Deleted by the database with its plot."""

    plot = models.ForeignKey(Plot, on_delete=models.DB_CASCADE)
    name = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Leaf(models.Model):
    """Deleted by the database in a second step."""

    tree = models.ForeignKey(Tree, on_delete=models.DB_CASCADE)

    def __str__(self) -> str:
        return f"of {self.tree_id}"


class Nest(models.Model):
    """Updated by the database when its tree goes."""

    tree = models.ForeignKey(Tree, on_delete=models.DB_SET_NULL, null=True)
    name = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class Bench(models.Model):
    """Deleted with its plot, updated when its tree goes: both may happen at once."""

    plot = models.ForeignKey(Plot, on_delete=models.DB_CASCADE, null=True)
    tree = models.ForeignKey(Tree, on_delete=models.DB_SET_NULL, null=True)

    def __str__(self) -> str:
        return f"in {self.plot_id}"


class Marker(models.Model):
    """Hangs on another column than the key."""

    plot = models.ForeignKey(Plot, on_delete=models.DB_CASCADE, to_field="code")

    def __str__(self) -> str:
        return f"at {self.plot_id}"


class Sign(models.Model):
    """Handed by the database to the fallback plot; registered by the writes about it, for MariaDB
    has no such action."""

    plot = models.ForeignKey(Plot, on_delete=models.DB_SET_DEFAULT, db_default=Plot.FALLBACK)

    class Meta:
        required_db_features: ClassVar = {"supports_on_delete_db_default"}

    def __str__(self) -> str:
        return f"at {self.plot_id}"


class Vine(models.Model):
    """A tree in one table: the database deletes within it."""

    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", on_delete=models.DB_CASCADE, null=True)

    def __str__(self) -> str:
        return self.name


class Hen(models.Model):
    """One half of a circle, which neither half can be asked for from the other side."""

    egg = models.ForeignKey("Egg", on_delete=models.DB_CASCADE, null=True, related_name="+")

    def __str__(self) -> str:
        return f"from {self.egg_id}"


class Egg(models.Model):
    """The other half."""

    hen = models.ForeignKey(Hen, on_delete=models.DB_CASCADE, null=True, related_name="+")

    def __str__(self) -> str:
        return f"by {self.hen_id}"


class Cellar(models.Model):
    """Never registered, but what hangs on it is."""

    plot = models.ForeignKey(Plot, on_delete=models.DB_CASCADE, null=True)

    def __str__(self) -> str:
        return f"under {self.plot_id}"


class Bottle(models.Model):
    """Deleted through rows that the log knows nothing of."""

    cellar = models.ForeignKey(Cellar, on_delete=models.DB_CASCADE)

    def __str__(self) -> str:
        return f"in {self.cellar_id}"


class Pot(models.Model):
    """A composite key below a plot."""

    pk = models.CompositePrimaryKey("plot", "number")
    plot = models.ForeignKey(Plot, on_delete=models.DB_CASCADE)
    number = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.number} in {self.plot_id}"


SPREADING: Final = [Plot, Tree, Leaf, Nest, Bench, Marker, Vine, Hen, Egg, Bottle, Pot]
"""What `sync.py` registers of these."""
