"""Data migrations are recorded as they run, with the models of their time."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations import Migration, RunPython
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F

from tests.support.state import database_state
from tests.sync.observing import applied, recorded
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)


def fill(apps, schema_editor):
    stock = apps.get_model("testapp", "Stock")
    assert stock is not Stock
    stock.objects.bulk_create([stock(sku=sku, warehouse="n") for sku in "ab"])
    stock.objects.filter(sku="a").update(quantity=F("quantity") + 1)
    apps.get_model("testapp", "Owner").objects.all().delete()


def empty(apps, schema_editor):
    apps.get_model("testapp", "Stock").objects.all().delete()


def fail(apps, schema_editor):
    fill(apps, schema_editor)
    raise ZeroDivisionError


@pytest.fixture
def run():
    """Apply or unapply a migration with Django's own executor."""
    executor = MigrationExecutor(connection)

    def run(forward, *, backwards=False, atomic=True):
        migration = Migration("a_data_migration", "testapp")
        migration.operations = [RunPython(forward, empty, atomic=atomic)]
        migration.atomic = atomic
        state = executor.loader.project_state([("testapp", "0002_more_kinds_of_writes")])
        step = executor.unapply_migration if backwards else executor.apply_migration
        step(state, migration)

    yield run
    executor.recorder.record_unapplied("testapp", "a_data_migration")


def actions(entries):
    return sorted((entry.table, entry.action) for entry in entries)


@pytest.mark.parametrize("atomic", [True, False])
def test_what_a_data_migration_writes_is_recorded(run, atomic):
    Owner.objects.create(name="old")
    before = database_state()
    with recorded() as entries:
        run(fill, atomic=atomic)
    assert actions(entries) == [
        ("testapp_owner", "delete"),
        *[("testapp_stock", "insert")] * 2,
        ("testapp_stock", "update"),
    ]
    assert applied(before, entries) == database_state()
    assert len({entry.transaction for entry in entries}) == (1 if atomic else 3)


def test_what_a_data_migration_takes_back_is_recorded(run):
    run(fill)
    before = database_state()
    with recorded() as entries:
        run(fill, backwards=True)
    assert actions(entries) == [("testapp_stock", "delete")] * 2
    assert applied(before, entries) == database_state() == {}


def test_a_data_migration_that_fails_leaves_nothing(run):
    if not connection.features.can_rollback_ddl:
        pytest.skip(f"a migration on {connection.display_name} is no transaction")
    Owner.objects.create(name="old")
    before = database_state()
    with recorded() as entries, pytest.raises(ZeroDivisionError):
        run(fail)
    assert entries == []
    assert database_state() == before
