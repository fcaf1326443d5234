"""What recording costs the writer, in statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from sync.statements import can_return_rows
from tests.sync.observing import Statements, inserts_into_log
from tests.sync.writes.table import on_conflict
from tests.testapp.models import Stock, Ticket, Unseen

ROWS = 1000
WRITE_METHODS = (
    (SQLInsertCompiler, "execute_sql"),
    (SQLUpdateCompiler, "execute_sql"),
    (SQLUpdateCompiler, "execute_returning_sql"),
    (SQLDeleteCompiler, "execute_sql"),
    (QuerySet, "_batched_insert"),
)


@pytest.fixture
def without_capture(monkeypatch):
    """Put Django's own methods back."""

    def remove():
        for owner, name in WRITE_METHODS:
            if hasattr(owner, name):
                monkeypatch.setattr(owner, name, getattr(owner, name)._sync_original)

    return remove


@pytest.mark.django_db(transaction=True)
def test_a_save_costs_at_most_one_statement_more_in_the_same_transaction():
    ticket = Ticket(subject="a")
    for write, verb in (
        (ticket.save, "INSERT"),
        (ticket.save, "UPDATE"),
        (ticket.delete, "DELETE"),
    ):
        with Statements() as statements:
            write()
        everything = [query["sql"] for query in statements.captured_queries]
        assert [sql.split()[0] for sql in statements.sql] == statements_for(verb), everything
        assert inserts_into_log(statements.sql[-1])
        if connection.vendor == "postgresql":
            assert len(everything) == 1
            continue
        assert everything[0].startswith("BEGIN"), everything
        assert everything[-1].startswith("COMMIT"), everything
        assert len(everything) == len(statements.sql) + 2, everything


def statements_for(verb):
    """Return what a write of one record costs: where it returns no rows they are read before and,
    if they are still there, after it."""
    if connection.vendor == "postgresql":
        return [verb]
    if verb == "INSERT" or can_return_rows(connection):
        return [verb, "INSERT"]
    return {
        "UPDATE": ["SELECT", "UPDATE", "SELECT", "INSERT"],
        "DELETE": ["SELECT", "SELECT", "DELETE", "INSERT"],
    }[verb]


@pytest.mark.django_db
def test_an_update_of_many_rows_costs_one_statement_to_find_out_what_it_did():
    Stock.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(20))
    with Statements() as statements:
        Stock.objects.update(quantity=3)
    is_one = connection.vendor == "postgresql"
    expected = ["WITH"] if is_one else statements_for("UPDATE")
    assert [sql.split()[0] for sql in statements.sql] == expected


def bulk_create():
    Stock.objects.bulk_create([Stock(sku=str(n), warehouse="n") for n in range(ROWS)])


def upsert():
    Stock.objects.bulk_create(
        [Stock(sku=str(n), warehouse="n") for n in range(0, 2 * ROWS, 2)],
        update_conflicts=True,
        **on_conflict("sku", "warehouse"),
        update_fields=["quantity"],
    )


def ignore_conflicts():
    Stock.objects.bulk_create(
        [Stock(sku=str(n), warehouse="n") for n in range(0, 2 * ROWS, 2)], ignore_conflicts=True
    )


def bulk_update():
    Stock.objects.bulk_update(Stock.objects.all(), ["quantity"])


def update():
    Stock.objects.update(quantity=8)


def delete():
    Stock.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.parametrize("write", [bulk_create, update, delete])
def test_recording_a_thousand_rows_costs_at_most_three_statements(write, unregister):
    recorded = statements_of(write)
    unregister(Stock)
    assert least() <= recorded - statements_of(write) <= 3 * least()


@pytest.mark.django_db
@pytest.mark.parametrize("write", [upsert, ignore_conflicts, bulk_update])
def test_recording_many_rows_costs_few_statements(write, unregister):
    recorded = statements_of(write)
    unregister(Stock)
    assert least() <= recorded - statements_of(write) <= ROWS // 25 * least()


def least():
    """Return how many statements more recording takes at least: PostgreSQL needs none."""
    return 0 if connection.vendor == "postgresql" else 1


def statements_of(write):
    Stock.objects.all().delete()
    if write is not bulk_create:
        bulk_create()
    with Statements() as statements:
        write()
    return len(statements)


@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_not_registered_costs_nothing_more(without_capture):
    captured = statements_of_unseen_writes()
    without_capture()
    assert captured == statements_of_unseen_writes()
    assert captured


def statements_of_unseen_writes():
    with connection.cursor() as cursor:  # what a first connection says is no part of the cost
        cursor.execute("SELECT 1")
    with Statements() as statements:
        unseen = Unseen.objects.create(pk=1, name="a")
        unseen.save()
        Unseen.objects.bulk_create([Unseen(pk=2, name="b"), Unseen(pk=3, name="c")])
        Unseen.objects.update(name="d")
        unseen.delete()
        Unseen.objects.all().delete()
    return [query["sql"] for query in statements.captured_queries]
