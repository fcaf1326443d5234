"""Entries are the same rows however they are inserted, and those of one write go together."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_save

import sync
from sync import inserting
from sync.inserting import gathered
from sync.models import SyncLog
from sync.signals import recorded as recorded_signal
from tests.support.emptying import empty_log
from tests.sync.observing import Statements, brief, insert, inserts_into_log, recorded
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def listener():
    """Listen for entries, so that an instance is made of each."""

    def hear(**kwargs): ...

    post_save.connect(hear, sender=SyncLog)
    yield
    post_save.disconnect(hear, sender=SyncLog)


@pytest.fixture
def told():
    heard = []

    def hear(sender, using, transaction, **kwargs):
        heard.append((sender, using, transaction, SyncLog.objects.count()))

    recorded_signal.connect(hear)
    yield heard
    recorded_signal.disconnect(hear)


def log_of(write):
    """Return what a write leaves in the log, but for what differs between any two writes."""
    empty_log()
    with recorded() as entries:
        write()
    varying = {"id", "recorded_at", "transaction", "record_id", "data"}
    fields = [field.name for field in SyncLog._meta.fields if field.name not in varying]
    return [{name: getattr(entry, name) for name in fields} for entry in entries]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_an_entry_is_the_same_row_whether_or_not_somebody_listens(count, request):
    def write():
        with sync.context(actor="importer", reason="nightly 100%", request_id="r", client_id="c"):
            Owner.objects.bulk_create([Owner(name="é 'quoted' %s") for _ in range(count)])

    unheard = log_of(write)
    request.getfixturevalue("listener")
    assert log_of(write) == unheard
    assert len(unheard) == count


def test_entries_keep_the_order_of_the_rows():
    made = Stock.objects.bulk_create([Stock(sku=f"{n}", warehouse="n") for n in range(50)])
    ids = list(SyncLog.objects.order_by("id").values_list("record_id", flat=True))
    assert ids == [str(stock.pk) for stock in made]


def test_a_write_is_told_of_inside_its_transaction_when_its_entries_are_there(told):
    Owner.objects.create(name="a")
    [(sender, using, mark, count)] = told
    assert (sender, using, count) == (SyncLog, "default", 1)
    assert mark == SyncLog.objects.get().transaction


def test_the_batches_of_a_bulk_create_are_inserted_together(told, in_python):
    with Statements() as statements:
        Stock.objects.bulk_create(
            [Stock(sku=f"{n}", warehouse="n") for n in range(20)], batch_size=4
        )
    assert sum(map(inserts_into_log, statements.sql)) == 1
    assert [count for *_, count in told] == [20]


def test_no_more_than_a_limit_is_held_back(monkeypatch, in_python):
    monkeypatch.setattr(inserting, "MAX_GATHERED", 8)
    with recorded() as entries, Statements() as statements:
        made = Stock.objects.bulk_create(
            [Stock(sku=f"{n}", warehouse="n") for n in range(20)], batch_size=4
        )
    assert sum("sync_log" in sql for sql in statements.sql) == 3
    assert brief(entries) == [insert(stock) for stock in made]


def test_entries_of_different_tables_are_not_mixed_up(in_python):
    with recorded() as entries, transaction.atomic(), gathered("default"):
        owner = Owner.objects.create(name="a")
        stock = Stock.objects.create(sku="a", warehouse="n")
        other = Owner.objects.create(name="b")
    assert brief(entries) == [insert(owner), insert(stock), insert(other)]


def test_a_block_that_fails_leaves_nothing_behind(in_python):
    with pytest.raises(ZeroDivisionError), transaction.atomic(), gathered("default"):
        Owner.objects.create(name="a")
        raise ZeroDivisionError
    Owner.objects.create(name="b")
    assert [entry.values["name"] for entry in SyncLog.objects.all()] == ["b"]
    assert not hasattr(connection, inserting._GATHERING)
