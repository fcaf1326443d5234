"""Every kind of ORM write is recorded, exactly as the database holds what it wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import connection

from sync import pinned, statements
from tests.sync.capture_document import column
from tests.sync.observed_write import OBSERVED, assert_recorded_exactly, observe
from tests.sync.writes import WRITES, Write

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def write_down():
    """Leave what was observed where `make capture-table` collects it."""
    yield
    directory = os.environ.get("HUB_CAPTURE_RESULTS")
    if directory and len(OBSERVED) == len(WRITES):
        path = Path(directory) / f"{column()}.json"
        path.write_text(json.dumps(OBSERVED), encoding="utf-8")


@pytest.fixture
def without_returning(in_python, monkeypatch):
    """Take the path of a database that cannot return rows from a write.

    MariaDB can from an INSERT; without that it is what MySQL is.
    """
    monkeypatch.setattr(statements, "can_return_rows", lambda connection: False)
    if connection.vendor == "mysql":
        monkeypatch.setattr(connection.features, "can_return_columns_from_insert", False)
        monkeypatch.setattr(statements, "returns_upserts", lambda connection: False)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_as_the_database_holds_it(write: Write):
    if lacks := observe(write).lacks:
        pytest.skip(lacks)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_captured_in_the_way_that_its_database_offers(write: Write):
    for call in observe(write).calls:
        assert call.way in (call.expected, None), call


@pytest.mark.postgresql
@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_where_the_entries_are_made_in_python(write: Write, in_python):
    assert_recorded_exactly(write)


@pytest.mark.postgresql
@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_where_no_function_writes_its_entry(write: Write, spelt_out):
    assert_recorded_exactly(write)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_where_no_rows_are_returned(write: Write, without_returning):
    assert_recorded_exactly(write)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_of_many_rows_may_be_several_statements(
    write: Write, without_returning, monkeypatch
):
    monkeypatch.setattr(pinned, "KEYS", 1)
    assert_recorded_exactly(write)
