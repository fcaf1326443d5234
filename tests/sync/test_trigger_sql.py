"""Every kind of ORM write is recorded by triggers as the ORM records it."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

from sync import captors
from sync.models import SyncLog
from sync.registry import registry
from sync.triggers import CURRENT, states
from tests.sync.observing import recorded
from tests.sync.test_capture import assert_recorded_exactly
from tests.sync.writes import WRITES, Write
from tests.testapp.models import Everything

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
    pytest.mark.usefixtures("triggers"),
]


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_as_the_database_holds_it(write: Write):
    assert_recorded_exactly(write)


def test_every_table_of_the_tests_has_triggers():
    assert {state.kind for state in states(connection, registry)} == {CURRENT}


def test_it_is_the_triggers_that_record():
    assert captors.is_captor(connection, "testapp_everything")
    with recorded() as entries, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE testapp_everything DISABLE TRIGGER sync_hub_insert")
        Everything.objects.create()
    assert entries == []


def test_a_mass_write_is_one_insert_into_the_log(django_assert_num_queries):
    Everything.objects.bulk_create(Everything(integer=n) for n in range(300))
    with recorded() as entries, django_assert_num_queries(1):
        Everything.objects.update(integer=7)
    assert Counter(e.action for e in entries) == {"update": 300}


def test_an_entry_has_the_columns_that_the_orm_gives_it():
    row = Everything.objects.create()
    Everything.objects.update(integer=1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE testapp_everything DISABLE TRIGGER USER")
    captors.forget()
    Everything.objects.update(integer=1)
    by_trigger, by_orm = SyncLog.objects.filter(record_id=row.pk, action="update").order_by("id")
    different = {"id", "recorded_at"}
    names = [f.attname for f in SyncLog._meta.concrete_fields if f.attname not in different]
    assert {n: getattr(by_trigger, n) for n in names} == {n: getattr(by_orm, n) for n in names}
    assert (by_orm.recorded_at - by_trigger.recorded_at).total_seconds() < 60
