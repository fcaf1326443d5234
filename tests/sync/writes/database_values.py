"""Values that only the database knows."""

from __future__ import annotations

from django.db.models import F

from tests.sync.observing import insert, update
from tests.sync.writes.table import Steps, write
from tests.testapp.models import Line


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
