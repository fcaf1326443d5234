"""A transaction is found in the log by any of its numbers."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from sync.change_sets import span_of
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements, published
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log():
    """Make transactions of these sizes, and return the number at which the log ends."""

    def make(*sizes):
        for size in sizes:
            with transaction.atomic():
                Owner.objects.bulk_create(Owner(name=str(n)) for n in range(size))
            publish()
        return published()[-1].seq

    return make


def spans(end):
    return {entry.seq: tuple(span_of("default", entry.seq, end)) for entry in published()}


def expected():
    of = {}
    for entry in published():
        of.setdefault(entry.transaction, []).append(entry.seq)
    return {entry.seq: (min(s), max(s)) for entry in published() if (s := of[entry.transaction])}


@pytest.mark.parametrize(
    "sizes", [(1,), (7,), (1, 1, 1), (3, 8, 1, 16, 2), (40, 1), (1, 40), (2, 2, 2, 2)]
)
def test_every_number_leads_to_its_transaction(log, sizes):
    end = log(*sizes)
    assert spans(end) == expected()


def remove(*seqs):
    with connection.cursor() as cursor:
        for seq in seqs:
            cursor.execute("DELETE FROM sync_log WHERE seq = %s", [seq])


def test_numbers_that_are_kept_no_more_are_passed_over(log):
    end = log(5, 6, 5, 4)
    first = published()[0].seq
    remove(*(first + n for n in (0, 4, 5, 7, 8, 10, 11, 13, 18, 19)))
    assert spans(end) == expected()


def test_it_costs_as_many_statements_whatever_the_size(log):
    end = log(1, 60)
    with Statements() as asked:
        span_of("default", end, end)
    assert len(asked) == 2
    assert SyncLog.objects.count() == 61


def test_of_an_entry_that_is_not_kept_nothing_is_known(log):
    end = log(2, 1, 3)
    with log_maintenance():
        SyncLog.objects.filter(seq=end - 1).delete()
    assert span_of("default", end - 1, end) is None
    assert span_of("default", end, end) == (end - 2, end)
