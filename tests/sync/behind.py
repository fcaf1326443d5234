"""Writes behind the back of the log, and what verifying says of them."""

from __future__ import annotations

from contextlib import contextmanager

from django.db import connection, models

import sync
from sync.registry import registry
from sync.shape import shape_of
from sync.verifying import Verification
from tests.support.state import database_state
from tests.sync.observing import applied, published
from tests.testapp.models import (
    Stock,
)


@contextmanager
def unrecorded(model):
    """Have the ORM write a model as raw SQL or another program would: unseen."""
    registration = registry.get(model)
    registry.remove(model)
    try:
        yield
    finally:
        registry.add(registration)


def execute(sql, *params):
    """Write a registered table by raw SQL."""
    with sync.allow_raw_sql(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def shape(model):
    return shape_of(registry.get(model), model)


def found(model, **options):
    """Return the differences of a model by record id."""
    differences = list(Verification(model, "default", **options).differences())
    by_id = {difference.record_id: difference for difference in differences}
    assert len(by_id) == len(differences)
    return by_id


def kinds(model, **options):
    return {name: difference.kinds for name, difference in found(model, **options).items()}


def assert_whole(model):
    """Hold that verifying finds nothing, and that a replayed client equals the database."""
    assert found(model) == {}
    assert applied({}, published()) == database_state()


def stocks(count, **values):
    return Stock.objects.bulk_create(
        [Stock(sku=str(n), warehouse="n", **values) for n in range(count)]
    )


def delete_own_row(instance):
    """Delete a row and not, as the ORM would, that of a parent as well."""
    model = type(instance)
    models.QuerySet(model).filter(pk=instance.pk)._raw_delete("default")
