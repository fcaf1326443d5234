"""Verifying and repairing while others write: no writer is taken for a difference."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from sync import holding, repairing, sides
from sync.checksums import ReadLog, ReadTable
from sync.checksums_in_sql import SQLLog, SQLTable
from sync.errors import RecordBusy
from sync.models import SyncLog
from sync.publishing import publish
from sync.repairing import repair
from sync.verifying import Verification
from tests.support.late import LateTransaction
from tests.support.threads import in_threads, with_own_connection
from tests.sync.behind import assert_whole, found, kinds, shape, stocks, unrecorded
from tests.sync.observing import brief, delete, insert, published, update
from tests.sync.waiting import SECONDS, wait_until_somebody_waits_for_a_lock
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row_locks():
    if not connection.features.has_select_for_update:
        pytest.skip("about databases that have more than one writer at a time")


def elsewhere(work):
    """Do the work on a connection of its own and wait until it is done."""
    return in_threads(work)[0]


def write_between(side, method, work):
    """Have somebody write right before a side is read for the first time."""
    read, works = getattr(side, method), [work]

    def reading(*arguments):
        while works:
            elsewhere(works.pop())
        return read(*arguments)

    setattr(side, method, reading)


def write_all_kinds():
    first, second, *_ = Stock.objects.order_by("pk")
    first.delete()
    Stock.objects.filter(pk=second.pk).update(quantity=7)
    Stock.objects.create(sku="new", warehouse="n")


@pytest.mark.parametrize("method", ["checksums", "digests"])
def test_what_is_written_between_table_and_log_is_no_difference(method):
    made = stocks(10)
    with unrecorded(Stock):
        Stock.objects.filter(pk=made[5].pk).update(quantity=1)
    verification = Verification(Stock, "default", range_size=2)
    write_between(verification._log, method, write_all_kinds)
    assert [found.record_id for found in verification.differences()] == [str(made[5].pk)]
    assert SyncLog.objects.pending().count() == 0
    if connection.vendor != "sqlite":
        assert verification.read == 1


def test_what_is_written_between_the_two_looks_is_no_difference(monkeypatch):
    made = stocks(4)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    verification = Verification(Stock, "default")
    compare = verification._candidates

    def candidates(numbers):
        names = compare(numbers)
        elsewhere(lambda: Stock.objects.filter(pk=made[0].pk).update(quantity=2))
        return names

    monkeypatch.setattr(verification, "_candidates", candidates)
    names = {difference.record_id for difference in verification.differences()}
    assert names == {str(stock.pk) for stock in made[1:]}


def test_what_is_written_within_the_second_look_is_no_difference(monkeypatch):
    """It reads rows and entries in one moment, or the writer would be between them."""
    if connection.vendor == "sqlite" and journal_mode() != "wal":
        pytest.skip("nobody writes a SQLite without WAL while somebody reads it")
    made = stocks(2)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    from sync import differences

    newest, works = differences.newest_entries, [lambda: Stock.objects.update(quantity=2)]

    def reading(*arguments):
        while works:
            elsewhere(works.pop())
        return newest(*arguments)

    monkeypatch.setattr(differences, "newest_entries", reading)
    assert {name: d.fields for name, d in found(Stock).items()} == {
        str(stock.pk): {"quantity": (0, 1)} for stock in made
    }
    assert found(Stock) == {}


def journal_mode():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        return cursor.fetchone()[0]


def test_a_transaction_that_is_not_committed_is_no_difference(row_locks):
    stocks(4)
    with LateTransaction(write_all_kinds) as writer:
        assert found(Stock) == {}
        writer.commit()
    assert found(Stock) == {}


def test_writers_at_once_are_never_taken_for_differences(row_locks):
    made = stocks(40)
    planted = {str(stock.pk) for stock in made[:3]}
    with unrecorded(Stock):
        Stock.objects.filter(pk__in=planted).update(quantity=-1)
    barrier, done = threading.Barrier(4), threading.Event()
    free = [stock.pk for stock in made[3:]]

    def writer(number):
        barrier.wait(SECONDS)
        for step in itertools.count():
            with transaction.atomic():
                mine = Stock.objects.filter(pk=free[(7 * step + number) % len(free)])
                if step % 5 == 4:
                    mine.delete()
                else:
                    mine.update(quantity=100 * number + step)
                Stock.objects.create(sku=f"{number}/{step}", warehouse="s")
            if done.is_set():
                return

    def verifier():
        barrier.wait(SECONDS)
        try:
            return [set(found(Stock, range_size=5)) for _ in range(5)]
        finally:
            done.set()

    seen, *_ = in_threads(verifier, *(lambda n=n: writer(n) for n in range(3)))
    assert seen == [planted] * 5
    for name in planted:
        assert repair(shape(Stock), name, "default")
    publish()
    assert_whole(Stock)


def repaired_beside(writer, stock):
    """Repair a record that another transaction has written and not committed."""
    repaired, _ = in_threads(
        lambda: repair(shape(Stock), str(stock.pk), "default"),
        lambda: (wait_until_somebody_waits_for_a_lock(), writer.commit()),
    )
    return repaired


def test_a_repair_waits_for_who_writes_the_record_and_has_nothing_left_to_do(row_locks):
    [stock] = stocks(1)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    with LateTransaction(lambda: Stock.objects.update(quantity=2)) as writer:
        assert kinds(Stock) == {str(stock.pk): ("different values",)}
        assert not repaired_beside(writer, stock)
    publish()
    assert brief(published()) == [insert(stock), update(stock)]
    assert_whole(Stock)


def test_a_repair_of_a_record_deleted_meanwhile_has_nothing_left_to_do(row_locks):
    [stock] = stocks(1)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
    gone = delete(stock)
    with LateTransaction(lambda: Stock.objects.all().delete()) as writer:
        assert not repaired_beside(writer, stock)
    publish()
    assert brief(published()) == [insert(stock), gone]
    assert_whole(Stock)


def test_a_record_made_again_meanwhile_is_not_repaired_away(row_locks):
    """Its entry was written before the repair's would be, and would be taken for the older one."""
    [stock] = stocks(1)
    with unrecorded(Stock):
        Stock.objects.all().delete()
    again = {"pk": stock.pk, "sku": "again", "warehouse": "n"}
    with LateTransaction(lambda: Stock.objects.create(**again)) as writer:
        assert kinds(Stock) == {str(stock.pk): ("missing in the table",)}
        assert not repaired_beside(writer, stock)
    assert_whole(Stock)


def test_a_record_made_again_right_after_a_repair_lives(row_locks, monkeypatch):
    """Who makes it waits, so that the entry comes after the one of the repair."""
    [stock] = stocks(1)
    with unrecorded(Stock):
        Stock.objects.all().delete()
    again = {"pk": stock.pk, "sku": "again", "warehouse": "n"}
    with ThreadPoolExecutor(1) as pool:
        record, making = repairing._record, []

        def recording(*arguments):
            record(*arguments)
            making.append(pool.submit(with_own_connection, lambda: Stock.objects.create(**again)))
            wait_until_somebody_waits_for_a_lock()

        monkeypatch.setattr(repairing, "_record", recording)
        assert elsewhere(lambda: repair(shape(Stock), str(stock.pk), "default"))
        making[0].result(SECONDS)
    publish()
    assert [action for _, _, action in brief(published())] == ["insert", "delete", "insert"]
    assert_whole(Stock)


@pytest.mark.parametrize("write", [lambda: Stock.objects.update(quantity=2), write_all_kinds])
def test_a_repair_gives_up_where_a_writer_takes_too_long(postgresql_only, monkeypatch, write):
    monkeypatch.setattr(holding, "LOCK_TIMEOUT", 20)
    changed, other, gone = stocks(3)
    with unrecorded(Stock):
        Stock.objects.update(quantity=1)
        Stock.objects.filter(pk=gone.pk).delete()
    with LateTransaction(write):
        for stock in (changed, gone):
            with pytest.raises(RecordBusy, match=f"testapp_stock {stock.pk} is being written"):
                repair(shape(Stock), str(stock.pk), "default")
    assert repair(shape(Stock), str(changed.pk), "default")
    assert repair(shape(Stock), str(gone.pk), "default")


def test_two_repairs_at_once_record_a_difference_once():
    made = stocks(4)
    with unrecorded(Stock):
        Stock.objects.filter(pk__in=[stock.pk for stock in made[:2]]).update(quantity=1)
        Stock.objects.filter(pk=made[2].pk).delete()
    barrier = threading.Barrier(2)

    def repairer():
        barrier.wait(SECONDS)
        return sum(repair(shape(Stock), str(stock.pk), "default") for stock in made)

    assert sum(in_threads(repairer, repairer)) == 3
    publish()
    assert_whole(Stock)


@pytest.mark.usefixtures("postgresql_only")
class TestThePostgreSQLWay:
    def test_the_database_reads_what_it_can_encode(self):
        verification = Verification(Stock, "default")
        assert isinstance(verification._table, SQLTable)
        assert isinstance(verification._log, SQLLog)

    def test_python_reads_what_only_it_can_encode(self, register):
        register(Stock, audience=lambda stock: "everyone")
        verification = Verification(Stock, "default")
        assert isinstance(verification._table, ReadTable)
        assert isinstance(verification._log, ReadLog)
        made = stocks(3)
        with unrecorded(Stock):
            Stock.objects.filter(pk=made[0].pk).update(quantity=1)
        assert kinds(Stock) == {str(made[0].pk): ("different values",)}

    def test_python_reads_where_the_functions_cannot_be_made(self, monkeypatch):
        def refuse(connection):
            with connection.cursor() as cursor:
                cursor.execute("CREATE FUNCTION no_such_schema.f() RETURNS int RETURN 1")

        monkeypatch.setattr(sides, "ensure_functions", refuse)
        assert isinstance(Verification(Stock, "default")._table, ReadTable)
        assert found(Stock) == {}

    def test_no_row_of_ranges_that_agree_leaves_the_database(self):
        for number in range(30):
            Owner.objects.create(name=f"somebody {number}")
        publish()
        verification = Verification(Owner, "default", range_size=10)
        rows = []
        for side in (verification._table, verification._log):
            read = side._rows
            side._rows = lambda *arguments, read=read: rows.append(read(*arguments)) or rows[-1]
        assert list(verification.differences()) == []
        assert sum(map(len, rows)) <= 2 * 4
