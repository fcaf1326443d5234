"""Carries a row of the table of writes out once, and tells what was recorded and how."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from typing import Final

import pytest
from django.db import connection

from tests.support.state import database_state
from tests.sync.observing import Entry, applied, brief, name_of, recorded
from tests.sync.ways import ORDER, Call, observed_calls
from tests.sync.writes import Write
from tests.testapp.models import Stock

NOTHING: Final = "nothing"
NOT_THERE: Final = "not there"
NAMELESS: Final = name_of(Stock())
"""The id of a record whose key the instance does not know."""


OBSERVED: Final[dict[str, str]] = {}
"""What has been observed in this run so far, by row."""


@dataclasses.dataclass(frozen=True)
class Observation:
    """What became of a row on the database and the Django of this run."""

    cell: str
    calls: tuple[Call, ...] = ()
    lacks: str = ""


@functools.cache
def observe(write: Write) -> Observation:
    """Carry the row out, once a run, and assert that the log is as the row says."""
    with observed_calls() as calls:
        try:
            assert_recorded_exactly(write, calls)
        except pytest.skip.Exception as skipped:
            return _kept(write, Observation(NOT_THERE, lacks=str(skipped)))
    ways = {call.way for call in calls} - {None}
    cell = " + ".join(sorted(ways, key=ORDER.index)) or NOTHING
    return _kept(write, Observation(cell, tuple(calls)))


def _kept(write: Write, observation: Observation) -> Observation:
    OBSERVED[str(write)] = observation.cell
    return observation


def assert_recorded_exactly(write: Write, calls: list[Call] | None = None) -> None:
    """Assert that the entries are those of the row, and all that the database holds of it."""
    steps = write.steps()
    next(steps)
    calls = [] if calls is None else calls
    calls.clear()  # what the row needed first
    before = database_state()
    with recorded() as entries:
        expected = next(steps)
    done = len(calls)
    assert_same_entries(brief(entries), expected)
    assert applied(before, entries) == database_state()
    for entry in entries:
        if entry.action == "delete" and (entry.table, entry.record_id) in before:
            same = [e for e in entries if (e.table, e.record_id) == (entry.table, entry.record_id)]
            if same == [entry]:
                assert entry.values == before[entry.table, entry.record_id]
    del calls[done:]


def assert_same_entries(found: list[Entry], expected: list[Entry]) -> None:
    """Assert that both are the same, where MySQL's `bulk_create` keeps keys to itself but for them.

    Which record each of these is about, the comparison with the table shows.
    """
    if connection.features.can_return_rows_from_bulk_insert:
        assert Counter(found) == Counter(expected)
    named = Counter(entry for entry in expected if entry[1] != NAMELESS)
    assert not named - Counter(found), (found, expected)
    rest = (Counter(found) - named).elements()
    nameless = [(table, action) for table, name, action in expected if name == NAMELESS]
    assert Counter((table, action) for table, _, action in rest) == Counter(nameless)
