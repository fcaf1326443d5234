"""Values that only the database knows."""

from __future__ import annotations

from django.db.models import F

from tests.sync.observing import delete, insert, update
from tests.sync.writes.table import Steps, needs, on_conflict, registered, write
from tests.testapp.models import Line, Named, Reckoned, VirtualLine


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


@write
def key_that_is_a_default_of_the_database() -> Steps:
    needs("can_return_columns_from_insert")  # or nobody knows which record was made
    yield
    row = Named.objects.create(name="a")
    Named.objects.filter(code="first").update(name="b")
    [other] = Named.objects.bulk_create([Named(code="second", name="c")])
    yield [insert(Named(code="first")), update(row), insert(other)]


@write
def computed_values_of_saves() -> Steps:
    """Save a column with a default of the database, a generated one, and an `auto_now` one."""
    yield
    row = Reckoned.objects.create(code="a")
    row.refresh_from_db()
    row.price = F("price") + 1
    row.save()
    Reckoned.objects.update(price=5)
    fresh = Reckoned.objects.get()
    fresh.price = 6
    Reckoned.objects.bulk_update([fresh], ["price"])
    yield [insert(row), update(row), update(row), update(row)]


@write
def virtual_columns() -> Steps:
    """Write a table with a column that is computed whenever it is read."""
    needs("supports_virtual_generated_columns")
    with registered(VirtualLine):
        yield
        line = VirtualLine.objects.create(code="a", price=3, quantity=4)
        line.quantity = 5
        line.save()
        VirtualLine.objects.update(price=F("price") + 1)
        VirtualLine.objects.bulk_create([VirtualLine(code="b", price=1)])
        VirtualLine.objects.bulk_create(
            [VirtualLine(code=code, price=9) for code in "bc"],
            update_conflicts=True,
            update_fields=["price"],
            **on_conflict("code"),
        )
        b, c = (VirtualLine.objects.get(code=code) for code in "bc")
        entries = [insert(line), update(line), update(line), insert(b), update(b), insert(c)]
        entries.append(delete(line))
        line.delete()
        yield entries
