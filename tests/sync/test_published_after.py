"""Since when there is something behind a place of the log."""

from __future__ import annotations

import pytest

from sync import published_after as published_after_module
from sync.models import SyncLog, log_maintenance
from sync.published_after import published_after
from sync.publishing import publish
from tests.sync.observing import Statements
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def published():
    """The times at which the changes 1 to 5 were published."""
    for number in range(5):
        Owner.objects.create(name=str(number))
        publish()
    entries = SyncLog.objects.published().order_by("seq")
    return dict(entries.values_list("seq", "published_at"))


def test_it_is_the_time_of_the_next_entry(published):
    first = min(published)
    assert published_after("default", [first - 1, first]) == {
        first - 1: published[first],
        first: published[first + 1],
    }


def test_behind_the_end_there_is_nothing(published):
    assert published_after("default", [max(published), max(published) + 7]) == {}
    assert published_after("default", []) == {}


def test_an_entry_that_was_removed_is_passed_over(published):
    first = min(published)
    with log_maintenance():
        SyncLog.objects.filter(seq__in=[first + 1, first + 2]).delete()
    assert published_after("default", [first]) == {first: published[first + 3]}


def test_many_places_cost_one_statement(published, monkeypatch):
    first = min(published)
    with Statements() as statements:
        found = published_after("default", range(first - 1, first + 4))
    assert list(found.values()) == [published[seq] for seq in sorted(published)]
    assert len(statements) == 1
    monkeypatch.setattr(published_after_module, "CHUNK", 2)
    assert published_after("default", range(first - 1, first + 4)) == found
