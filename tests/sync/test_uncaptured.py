"""What is said and kept of writes that nothing recorded."""

from __future__ import annotations

import logging

import pytest

from sync import uncaptured
from sync.uncaptured import Count
from tests.support.threads import in_threads
from tests.testapp.models import Owner


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Begin with nothing counted and nothing logged."""
    monkeypatch.setattr(uncaptured, "_counts", {})
    monkeypatch.setattr(uncaptured, "_callers", {})


@pytest.fixture
def clock(monkeypatch):
    """The time that logging goes by, to be moved on."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(uncaptured, "time", clock)
    return clock


def log(caller="a.py:1 in f", rows=1):
    uncaptured.log(sender=Owner, table="testapp_owner", verb="UPDATE", rows=rows, caller=caller)


def count(verb="UPDATE", rows=1):
    uncaptured.count(sender=Owner, table="testapp_owner", verb=verb, rows=rows)


def test_the_line_says_what_was_written_where_and_what_to_do(caplog):
    log(rows=3)
    log("b.py:2 in g", rows=None)
    assert [(r.name, r.levelno) for r in caplog.records] == [("sync", logging.WARNING)] * 2
    assert caplog.messages[0] == (
        "UPDATE on testapp_owner past capture (rows: 3), at a.py:1 in f: clients do not hear of"
        " it. Write within sync.allow_raw_sql(), and in the same transaction tell the log:"
        " sync.record(Owner, pks) or sync.record_deleted(Owner, rows)."
    )
    assert "(rows unknown), at b.py:2 in g" in caplog.messages[1]


def test_a_line_is_logged_again_after_a_while_with_how_often_it_wrote(caplog, clock):
    for _ in range(3):
        log()
    log("other.py:1 in f")
    assert len(caplog.messages) == 2
    clock.now += uncaptured.LOG_INTERVAL
    log()
    log()
    assert len(caplog.messages) == 3
    assert caplog.messages[-1].endswith(" The line wrote 2 times more since it was last logged.")


def test_no_more_lines_are_remembered_than_the_limit_says(monkeypatch):
    monkeypatch.setattr(uncaptured, "MAX_CALLERS", 3)
    for number in range(10):
        log(f"a.py:{number} in f")
        assert len(uncaptured._callers) <= 3


def test_statements_and_rows_are_counted_by_table_and_verb():
    count(rows=3)
    count(rows=None)
    count("DELETE")
    assert uncaptured.uncaptured() == {
        ("testapp_owner", "UPDATE"): Count(2, 3),
        ("testapp_owner", "DELETE"): Count(1, 1),
    }


def test_no_write_of_many_threads_goes_uncounted():
    in_threads(*[lambda: [count() for _ in range(1000)]] * 4)
    assert uncaptured.uncaptured() == {("testapp_owner", "UPDATE"): Count(4000, 4000)}
