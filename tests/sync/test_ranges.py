"""Only ranges that differ are read again, whatever the keys are."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection

from sync.differences import (
    VALUES,
    key_of,
)
from sync.publishing import publish
from sync.ranges import HashedRanges, KeyRanges, extent_of
from sync.verifying import Verification
from tests.sync.behind import (
    found,
    kinds,
    shape,
    stocks,
    unrecorded,
)
from tests.testapp.models import (
    Owner,
    Restaurant,
    Seat,
    Stock,
    Ticket,
)


@pytest.mark.django_db
class TestRanges:
    def test_only_ranges_that_differ_are_read_again(self, django_assert_max_num_queries):
        made = stocks(100)
        with unrecorded(Stock):
            Stock.objects.filter(pk=made[41].pk).update(quantity=1)
            Stock.objects.filter(pk=made[42].pk).update(quantity=1)
        verification = Verification(Stock, "default", range_size=10)
        asked = []
        for side in (verification._table, verification._log):
            read = side.digests
            side.digests = lambda numbers, read=read: asked.append(read(numbers)) or asked[-1]
        assert len(list(verification.differences())) == 2
        places = {made[n].pk // 10 for n in (41, 42)}
        expected = {str(stock.pk) for stock in made if stock.pk // 10 in places}
        assert [set(digests) for digests in asked] == [expected, expected]
        assert (verification.ranges, verification.read) in [(10, 1), (11, 1), (10, 2), (11, 2)]
        assert verification.read == len(places)
        assert verification.records == 100

    def test_tables_that_agree_are_read_once(self):
        stocks(100)
        verification = Verification(Stock, "default", range_size=10)
        verification._table.digests = verification._log.digests = None
        assert list(verification.differences()) == []
        assert verification.read == 0

    def test_progress_counts_both_sides(self):
        stocks(20)
        verification = Verification(Stock, "default")
        told = []
        list(verification.differences(told.append))
        assert sum(told) == verification.rows == 40

    def test_sparse_keys_are_spread_evenly(self):
        """Ranges of keys would be as many as records, or one would hold nearly all."""
        stocks(5)
        assert extent_of(shape(Stock), "default", 10).ranges == KeyRanges(10)
        far = Stock.objects.create(pk=10**12, sku="far", warehouse="n")
        publish()
        assert extent_of(shape(Stock), "default", 10).ranges == HashedRanges(1)
        assert extent_of(shape(Stock), "default", 2).ranges == HashedRanges(4)
        with unrecorded(Stock):
            Stock.objects.filter(pk=far.pk).update(quantity=1)
        assert kinds(Stock, range_size=2) == {str(10**12): (VALUES,)}

    def test_negative_and_large_keys_have_their_ranges(self):
        for key in (-25, -10, -1, 1, 9, 10):
            Owner.objects.create(pk=key, name="a")
        assert found(Owner, range_size=10) == {}
        with unrecorded(Owner):
            Owner.objects.filter(pk__lt=0).update(name="b")
        assert set(found(Owner, range_size=10)) == {"-25", "-10", "-1"}

    @pytest.mark.parametrize("kept", [True, False])
    def test_the_largest_key_has_its_range(self, kept):
        if connection.vendor == "mysql":
            pytest.skip("a table that counts its keys takes no other after the largest")
        Stock.objects.create(pk=2**63 - 1, sku="a", warehouse="n")
        with unrecorded(Stock):
            Stock.objects.update(quantity=1) if kept else Stock.objects.all().delete()
        assert set(found(Stock)) == {str(2**63 - 1)}

    def test_many_ranges_that_differ_are_read_in_batches(self, monkeypatch):
        made = stocks(30)
        with unrecorded(Stock):
            Stock.objects.update(quantity=1)
        everything = {str(stock.pk) for stock in made}
        monkeypatch.setattr("sync.verifying.MAX_RANGES_AT_ONCE", 2)
        monkeypatch.setattr("sync.verifying.CHUNK", 3)
        assert set(found(Stock, range_size=4)) == everything
        monkeypatch.setattr("sync.verifying.HELD", 1)
        assert set(found(Stock, range_size=4)) == everything

    def test_a_range_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="at least one"):
            Verification(Stock, "default", range_size=0)

    @pytest.mark.parametrize(
        ("model", "record_id", "key"),
        [
            (Owner, "7", 7),
            (Owner, "seven", None),
            (Owner, "9" * 19, None),
            (Ticket, "00000000-0000-0000-0000-000000000007", uuid.UUID(int=7)),
            (Ticket, "7", None),
            (Seat, '["a",7]', ("a", 7)),
            (Seat, '["a"]', None),
            (Seat, "7", None),
            (Seat, "no json", None),
            (Restaurant, "7", 7),
        ],
    )
    def test_a_record_id_names_a_key_or_none(self, model, record_id, key):
        assert key_of(shape(model), record_id, "default") == key
