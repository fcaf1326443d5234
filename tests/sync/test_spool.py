"""Rows go through a spool unharmed and in order, however many there are."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import spool
from sync.spool import Spool


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(spool, "CHUNK", 3)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 100])
def test_rows_come_back_in_order(small, count):
    rows = [(number, f"row {number}") for number in range(count)]
    kept = Spool(iter(rows))
    assert (len(kept), bool(kept)) == (count, count > 0)
    assert list(kept) == rows


@given(parts=st.lists(st.integers(0, 9), max_size=6))
def test_rows_may_come_in_parts(parts):
    spooled, rows = Spool(), []
    for part in parts:
        more = [(len(rows) + number,) for number in range(part)]
        spooled.extend(more)
        rows += more
    assert (len(spooled), list(spooled)) == (len(rows), rows)


def test_values_of_a_database_come_back_as_they_were(small):
    moment = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
    row = (None, 2**70, decimal.Decimal("1.50"), moment, uuid.UUID(int=7), b"\x00\xff", {"a": [1]})
    assert list(Spool([row] * 8)) == [row] * 8


def test_few_rows_touch_no_file(small, monkeypatch):
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", None)
    assert len(list(Spool([(1,), (2,), (3,)]))) == 3
    with pytest.raises(TypeError):
        Spool([(1,), (2,), (3,), (4,)])
