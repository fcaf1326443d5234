"""A statement whose rows are taken off the driver is a statement like any other to Django."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sync import spool
from sync.streaming import execute
from tests.testapp.models import Owner, Unseen

pytestmark = pytest.mark.django_db

RETURNING = "UPDATE testapp_unseen SET name = %s WHERE name <> %s RETURNING id, name"


@pytest.fixture
def unseen(monkeypatch):
    if connection.vendor == "mysql":
        pytest.skip("MariaDB cannot return rows from an update")
    monkeypatch.setattr(spool, "CHUNK", 4)
    return Unseen.objects.bulk_create([Unseen(name=f"{n}") for n in range(10)])


def test_all_rows_come_and_the_connection_is_free(unseen):
    rows = execute(connection, RETURNING, ("z", "y"))
    assert Unseen.objects.filter(name="z").count() == len(rows) == 10
    assert sorted(rows) == [(one.pk, "z") for one in unseen]


def test_a_statement_that_returns_no_rows_gives_none(unseen):
    assert list(execute(connection, RETURNING.replace("name <>", "name ="), ("z", "y"))) == []


def test_it_passes_the_execute_wrappers_and_the_query_log(unseen):
    passed = []

    def see(execute, sql, params, many, context):
        passed.append((sql, params, many))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(see), CaptureQueriesContext(connection) as log:
        execute(connection, RETURNING, ("z", "y"))
    assert passed == [(RETURNING, ("z", "y"), False)]
    assert [query["sql"] for query in log] == [RETURNING % ("'z'", "'y'")]


def test_its_errors_are_those_of_django(unseen):
    with pytest.raises(DatabaseError), transaction.atomic():
        execute(connection, "UPDATE testapp_unseen SET nothing = 1 RETURNING id", ())
    assert Unseen.objects.count() == 10


def test_a_broken_transaction_is_noticed(unseen):
    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        transaction.set_rollback(True)
        execute(connection, RETURNING, ("z", "y"))


def test_an_update_larger_than_the_spool_is_recorded_whole(unseen):
    made = Owner.objects.bulk_create([Owner(name="a") for _ in range(30)])
    assert Owner.objects.update(name="b") == 30
    assert Owner.objects.filter(pk__in=[one.pk for one in made]).delete()[0] == 30
