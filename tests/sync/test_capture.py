"""Every kind of ORM write is recorded, exactly as the database holds what it wrote."""

from __future__ import annotations

from collections import Counter

import pytest

from sync import pinned, statements
from tests.support.state import database_state
from tests.sync.observing import applied, brief, recorded
from tests.sync.writes import WRITES, Write

pytestmark = pytest.mark.django_db


@pytest.fixture
def without_returning(monkeypatch):
    """Take the path of a database that cannot return rows from a write, as MariaDB does."""
    monkeypatch.setattr(statements, "can_return_rows", lambda connection: False)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_a_write_is_recorded_as_the_database_holds_it(write: Write):
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


def assert_recorded_exactly(write: Write) -> None:
    steps = write.steps()
    next(steps)
    before = database_state()
    with recorded() as entries:
        expected = next(steps)
    assert Counter(brief(entries)) == Counter(expected)
    assert applied(before, entries) == database_state()
    for entry in entries:
        if entry.action == "delete" and (entry.table, entry.record_id) in before:
            same = [e for e in entries if (e.table, e.record_id) == (entry.table, entry.record_id)]
            if same == [entry]:
                assert entry.values == before[entry.table, entry.record_id]
