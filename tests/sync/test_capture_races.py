"""Two writers that want the same record: what the loser tried leaves no entry."""

from __future__ import annotations

from threading import Barrier

import pytest
from django.db import IntegrityError, connection

from sync.entry_sql import WRITTEN
from tests.support.state import database_state
from tests.support.threads import in_threads
from tests.sync.observing import applied, brief, insert, recorded, update
from tests.sync.writes.table import on_conflict
from tests.testapp.models import Stock, Team

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 30


@pytest.fixture(
    autouse=True,
    params=[
        "transactional_db",
        pytest.param("spelt_out", marks=pytest.mark.postgresql),
        pytest.param("in_python", marks=pytest.mark.postgresql),
    ],
)
def two_writers(request):
    if not connection.features.has_select_for_update:
        pytest.skip("one writer at a time")
    request.getfixturevalue(request.param)


def together(*works):
    """Do each work in a thread of its own; all wait for each other before their first insert, so
    that none has seen what another is about to insert. Returns the results."""
    barrier = Barrier(len(works), timeout=SECONDS)
    table = connection.ops.quote_name

    def held(work):
        waited = []

        def hold(execute, sql, params, many, context):
            is_of_host = sql.startswith("INSERT") and table("sync_log") not in sql
            first = is_of_host or sql.startswith(f"WITH {WRITTEN} AS (INSERT")
            if first and not waited:
                waited.append(barrier.wait())
            return execute(sql, params, many, context)

        def run():
            with connection.execute_wrapper(hold):
                result = work()
            assert waited
            return result

        return run

    return in_threads(*map(held, works))


def test_the_loser_of_get_or_create_leaves_no_entry():
    before = database_state()
    with recorded() as entries:
        (one, made), (other, also_made) = together(
            *[lambda: Team.objects.get_or_create(name="red")] * 2
        )
    assert (one, {made, also_made}) == (other, {True, False})
    assert brief(entries) == [insert(one)]
    assert applied(before, entries) == database_state()


def test_the_loser_of_update_or_create_has_updated():
    before = database_state()
    works = [
        lambda quantity=quantity: Stock.objects.update_or_create(
            sku="a", warehouse="n", defaults={"quantity": quantity}
        )
        for quantity in (1, 2)
    ]
    with recorded() as entries:
        (stock, _), _ = together(*works)
    assert brief(entries) == [insert(stock), update(stock)]
    assert applied(before, entries) == database_state()


def test_the_loser_of_two_inserts_leaves_no_entry():
    def create():
        try:
            return Team.objects.create(name="red")
        except IntegrityError:
            return None

    before = database_state()
    with recorded() as entries:
        made = [team for team in together(create, create) if team is not None]
    assert brief(entries) == [insert(*made)]
    assert applied(before, entries) == database_state()


def test_of_two_inserts_that_ignore_conflicts_one_is_recorded():
    def create():
        Team.objects.bulk_create([Team(name="red")], ignore_conflicts=True)

    before = database_state()
    with recorded() as entries:
        together(create, create)
    assert brief(entries) == [insert(Team.objects.get())]
    assert applied(before, entries) == database_state()


def test_two_upserts_of_one_record_end_as_the_database_does():
    """The second is an update. MariaDB does not say so of a row that came in the meantime; it is
    recorded whole all the same."""

    def upsert(quantity):
        Stock.objects.bulk_create(
            [Stock(sku="a", warehouse="n", quantity=quantity)],
            update_conflicts=True,
            update_fields=["quantity"],
            **on_conflict("sku", "warehouse"),
        )

    before = database_state()
    with recorded() as entries:
        together(lambda: upsert(1), lambda: upsert(2))
    stock = Stock.objects.get()
    told_apart = connection.vendor == "postgresql"
    assert brief(entries) == [insert(stock), (update if told_apart else insert)(stock)]
    assert applied(before, entries) == database_state()
