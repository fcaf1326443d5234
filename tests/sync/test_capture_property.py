"""Whatever is written, in whatever order: the log holds what the database holds, at every step,
and the log alone makes the tables again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.db.models import Max
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync import statements
from sync.models import SyncLog
from tests.support.rebuilding import rebuild, rows_of_database
from tests.support.state import database_state
from tests.sync.drawn_writes import STEPS

pytestmark = pytest.mark.django_db


class Undo(Exception):
    """Rolls back the block it is raised in."""


class Watch:
    """Follows the log beside the database and compares the two."""

    def __init__(self) -> None:
        self.first = self.last = SyncLog.objects.aggregate(last=Max("id"))["last"] or 0
        self.state = database_state()
        self.start = dict(self.state)

    def look(self) -> None:
        """Apply what the log has got since, and compare what that gives with the database."""
        for entry in SyncLog.objects.filter(id__gt=self.last).order_by("id"):
            apply(self.state, entry)
            self.last = entry.id
        assert self.state == database_state()

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Expect that the block leaves neither rows nor entries."""
        state, last = dict(self.state), self.last
        yield
        self.state, self.last = state, last
        assert not SyncLog.objects.filter(id__gt=last).exists()
        self.look()

    def replayed(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the state that the log gives to whoever reads it from its first entry."""
        state = dict(self.start)
        for entry in SyncLog.objects.filter(id__gt=self.first).order_by("id"):
            apply(state, entry)
        return state


def apply(state: dict[tuple[str, str], dict[str, Any]], entry: SyncLog) -> None:
    """Apply one entry, which must fit what is known of the record."""
    key = entry.table, entry.record_id
    if entry.action == "delete":
        assert state.pop(key) == entry.values, "a deleted record is not recorded as it was"
        return
    assert (key in state) == (entry.action == "update"), f"{key} cannot be {entry.action}d"
    state[key] = entry.values


def write(draw: Any, watch: Watch, depth: int = 0) -> None:
    """Take one step, or several in a block that may be rolled back."""
    block = draw(st.sampled_from(["step", "step", "kept", "undone"])) if depth < 2 else "step"
    if block == "step":
        draw(st.sampled_from(STEPS))(draw)
        watch.look()
        return
    steps = draw(st.integers(1, 3))
    if block == "kept":
        with transaction.atomic():
            for _ in range(steps):
                write(draw, watch, depth + 1)
        return
    with watch.undone(), pytest.raises(Undo), transaction.atomic():
        for _ in range(steps):
            write(draw, watch, depth + 1)
        raise Undo


@pytest.mark.postgresql
def test_the_log_holds_what_the_database_holds_and_writes_itself() -> None:
    hold()


@pytest.mark.postgresql
def test_the_log_holds_what_the_database_holds_and_writes_without_functions(
    spelt_out: None,
) -> None:
    hold()


@pytest.mark.parametrize("returning", [True, False], ids=["returning", "reading_around"])
def test_the_log_holds_what_the_database_holds(returning: bool, in_python: None) -> None:
    if returning and not statements.can_return_rows(connection):
        pytest.skip(f"{connection.display_name} does not return the rows of every write")
    with patch.object(statements, "can_return_rows", lambda connection: returning):
        hold()


# Nothing is shrunk, which takes minutes: the log is looked at after every step, so that the one
# that fails is the last that is drawn.
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.data(), st.integers(3, 10))
def hold(data: st.DataObject, length: int) -> None:
    with pytest.raises(Undo), transaction.atomic():
        watch = Watch()
        for _ in range(length):
            write(data.draw, watch)
        replayed, rows = watch.replayed(), rows_of_database()
        assert replayed == watch.state
        rebuild(replayed)
        assert rows_of_database() == rows
        raise Undo
