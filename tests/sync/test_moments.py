"""The place of a moment in the log is found whatever was removed around it, and with one look."""

from __future__ import annotations

import datetime
import random

import pytest

from sync.models import SyncLog, log_maintenance
from sync.moments import newest_at
from sync.publishing import RESOLUTION, publish
from tests.sync.observing import published
from tests.sync.paging import together

pytestmark = pytest.mark.django_db(transaction=True)


def spread(drawn: random.Random, count: int) -> list[SyncLog]:
    """Publish so many entries, move them apart in time as drawn, and return them in order."""
    together(count)
    publish()
    at = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
    with log_maintenance():
        for entry in published():
            at += drawn.choice([RESOLUTION, datetime.timedelta(days=drawn.randrange(1, 9))])
            SyncLog.objects.filter(pk=entry.pk).update(published_at=at)
    return published()


def moments_around(entries: list[SyncLog]) -> list[datetime.datetime]:
    return [
        entry.published_at + distance
        for entry in entries
        if entry.published_at is not None
        for distance in (-RESOLUTION, datetime.timedelta(), RESOLUTION)
    ]


@pytest.mark.parametrize("removed", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 40])
def test_the_newest_kept_entry_up_to_a_moment_is_found(count, removed):
    drawn = random.Random(count + int(removed * 100))
    entries = spread(drawn, count)
    moments = moments_around(entries)
    gone = [entry.seq for entry in entries if drawn.random() < removed]
    with log_maintenance():
        SyncLog.objects.filter(seq__in=gone).delete()
    kept = published()
    for moment in moments:
        before = [e for e in kept if e.published_at <= moment]
        expected = (before[-1].seq, before[-1].published_at == moment) if before else None
        assert newest_at("default", moment, count) == expected


def test_nothing_is_found_in_an_empty_log():
    assert newest_at("default", datetime.datetime.now(tz=datetime.UTC), 0) is None


def test_one_statement_finds_it(django_assert_num_queries):
    [first, *_] = spread(random.Random(1), 30)
    with django_assert_num_queries(1):
        assert newest_at("default", first.published_at, 30) == (1, True)
