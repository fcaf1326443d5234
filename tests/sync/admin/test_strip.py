"""When changes were made is counted where they are few, and estimated where they are many."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from sync.admin import strip as strip_module
from sync.admin.bounded import Bounded
from sync.admin.chart import HEIGHT, chart
from sync.admin.searching import Search
from sync.admin.strip import DAY, strip
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements, published
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db

TABLES = ("testapp_stock", "testapp_owner")
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Have it be an hour after noon."""
    monkeypatch.setattr(strip_module.timezone, "now", lambda: NOON + HOUR)


def changes(count, every=MINUTE, model=Stock):
    """Make changes that were published one after the other from noon on."""
    if model is Stock:
        model.objects.bulk_create(Stock(sku=str(n), warehouse="n") for n in range(count))
    else:
        model.objects.bulk_create(model(name=str(n)) for n in range(count))
    publish()
    entries = published()
    with log_maintenance():
        for place, entry in enumerate(entries):
            SyncLog.objects.filter(pk=entry.pk).update(published_at=NOON + place * every)
    return entries


def shown(search, tables=TABLES):
    last = max((entry.seq for entry in published()), default=0)
    return strip(search, Bounded(search, tables), last)


def filled(found):
    return {bar.since: dict(bar.counts) for bar in found.bars if bar.total}


def test_without_a_time_the_last_day_is_shown_hour_by_hour():
    changes(30, every=2 * MINUTE)
    found = shown(Search())
    assert (found.step, found.is_estimate, found.total) == (HOUR, False, 30)
    assert filled(found) == {NOON: {"insert": 30}}
    assert found.bars[0].since == NOON - 23 * HOUR
    assert found.bars[-1].until == NOON + HOUR


def test_an_hour_is_shown_minute_by_minute_and_by_action():
    entries = changes(3)
    with log_maintenance():
        SyncLog.objects.filter(pk=entries[1].pk).update(action="delete")
    found = shown(Search(since=NOON, until=NOON + HOUR))
    assert found.step == MINUTE
    assert filled(found) == {
        NOON: {"insert": 1}, NOON + MINUTE: {"delete": 1}, NOON + 2 * MINUTE: {"insert": 1},
    }  # fmt: skip


def test_only_what_the_search_finds_is_shown():
    changes(4)
    changes(2, model=Owner)
    assert shown(Search(since=NOON, table="testapp_owner")).total == 2
    assert shown(Search(since=NOON), tables=("testapp_stock",)).total == 4
    assert shown(Search(since=NOON), tables=()).total == 0
    assert shown(Search(since=NOON, until=NOON + 3 * MINUTE)).total == 3


def test_many_are_estimated_from_an_even_sample(sync_settings):
    sync_settings(HISTORY_EXACT_ROWS=10, HISTORY_SAMPLE_ROWS=20)
    changes(40)
    found = shown(Search(since=NOON, until=NOON + HOUR))
    assert (found.is_estimate, found.total) == (True, 40)
    assert sum(bar.total for bar in found.bars[:20]) == 20


def test_few_that_an_index_finds_are_counted_among_any_number(sync_settings):
    sync_settings(HISTORY_EXACT_ROWS=10, HISTORY_SAMPLE_ROWS=4)
    changes(40)
    changes(3, model=Owner)
    found = shown(Search(since=NOON, until=NOON + HOUR, table="testapp_owner"))
    assert (found.is_estimate, found.total) == (False, 3)


def test_the_strip_takes_as_many_statements_for_a_long_time_as_for_a_short_one(sync_settings):
    sync_settings(HISTORY_EXACT_ROWS=10, HISTORY_SAMPLE_ROWS=20)
    changes(40)
    for search in (Search(), Search(since=NOON), Search(since=NOON - 900 * DAY)):
        with Statements() as statements:
            strip(search, Bounded(search, TABLES), published()[-1].seq)
        assert len([sql for sql in statements.sql if "sync_log" in sql]) <= 5


def test_a_time_before_the_log_is_not_shown():
    changes(2, every=DAY / 48)
    found = shown(Search(since=datetime.datetime(1, 1, 2, tzinfo=datetime.UTC)))
    assert found.bars[0].since == NOON
    assert found.total == 2


def test_days_are_those_of_the_wall_also_where_one_has_23_hours(monkeypatch):
    zone = ZoneInfo("Europe/Berlin")
    end = datetime.datetime(2026, 4, 2, tzinfo=zone)
    monkeypatch.setattr(strip_module.timezone, "now", lambda: end)
    changes(1)
    with timezone.override(zone):
        found = shown(Search(since=end - 30 * DAY, until=end))
        days = [timezone.localtime(bar.since) for bar in found.bars]
    assert found.step == DAY
    assert {(day.hour, day.minute) for day in days} == {(0, 0)}
    assert {bar.until - bar.since for bar in found.bars} == {DAY, DAY - HOUR}


@pytest.mark.parametrize(
    "search",
    [
        Search(),
        Search(until=datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)),
        Search(until=datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)),
        Search(since=datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)),
        Search(since=datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)),
    ],
)
def test_any_time_can_be_drawn(search):
    for count in (0, 1):
        changes(count)
        drawn = chart(shown(search), search)
        assert 1 <= len(drawn.columns) <= 62


def test_a_bar_leads_to_its_own_time_and_says_what_it_shows():
    changes(3)
    search = Search(since=NOON, until=NOON + HOUR, source="task", period="24h")
    drawn = chart(shown(Search(since=NOON, until=NOON + HOUR)), search)
    assert drawn.title == "3 changes"
    assert drawn.columns[1].query == (
        "source=task&since=2026-01-31T12%3A01%3A00&until=2026-01-31T12%3A02%3A00"
    )
    assert drawn.columns[1].text.endswith("inserts 1, updates 0, deletes 0")


def test_the_tallest_bar_fills_the_chart_and_the_smallest_can_be_seen():
    entries = changes(500, every=datetime.timedelta(0))
    with log_maintenance():
        SyncLog.objects.filter(pk=entries[-1].pk).update(
            action="delete", published_at=NOON + MINUTE
        )
    drawn = chart(shown(Search(since=NOON, until=NOON + HOUR)), Search())
    tall, small, none = (column.parts for column in drawn.columns[:3])
    assert [(part.action, part.y, part.height) for part in tall] == [("insert", 0, HEIGHT)]
    assert [(part.action, part.y, part.height) for part in small] == [("delete", HEIGHT - 1, 1)]
    assert none == []
