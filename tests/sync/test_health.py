"""How the log is doing, from a bounded part of it."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from sync import health
from sync.locking import head
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements, pending
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)
USING = "default"


def age(entries, by):
    """Have entries been recorded and published so much earlier."""
    with log_maintenance():
        for entry in entries:
            SyncLog.objects.filter(pk=entry.pk).update(
                recorded_at=entry.recorded_at - by,
                published_at=entry.published_at and entry.published_at - by,
            )


def test_what_waits_is_counted_and_its_age_told():
    assert health.backlog(USING) == health.Backlog(0, False, datetime.timedelta())
    first = pending("1", uuid.uuid4())
    pending("2", uuid.uuid4())
    age([first], HOUR)
    found = health.backlog(USING)
    assert (found.count, found.is_more) == (2, False)
    assert HOUR <= found.age < 2 * HOUR


def test_no_more_is_counted_than_a_page_has_to_say(monkeypatch):
    monkeypatch.setattr(health, "MOST_PENDING", 2)
    for number in range(4):
        pending(str(number), uuid.uuid4())
    found = health.backlog(USING)
    assert (found.count, found.is_more) == (2, True)


def test_the_slowest_publishing_of_the_newest_changes_is_told():
    assert health.publishing_time(USING) is None
    entry = pending("1", uuid.uuid4())
    age([entry], HOUR)
    Owner.objects.create(name="Ada")
    publish()
    assert HOUR <= health.publishing_time(USING) < 2 * HOUR


def test_changes_are_counted_by_table_over_the_last_hour():
    for number in range(6):
        Owner.objects.create(name=str(number))
    Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    publish()
    age(SyncLog.objects.filter(table="testapp_owner").order_by("id")[:3], 2 * HOUR)
    found = health.rates(USING, head(USING))
    assert found.span == HOUR
    assert found.per_minute == {"testapp_owner": 3 / 60, "testapp_stock": 1 / 60}


def test_a_sample_that_is_younger_than_an_hour_says_how_far_it_reaches(monkeypatch):
    monkeypatch.setattr(health, "SAMPLE", 3)
    for number in range(6):
        Owner.objects.create(name=str(number))
    publish()
    newest = SyncLog.objects.published().order_by("-seq")
    age(newest[2:3], HOUR / 2)
    found = health.rates(USING, head(USING))
    assert HOUR / 2 <= found.span < HOUR
    assert found.per_minute["testapp_owner"] == pytest.approx(3 / 30, rel=0.1)


def test_a_log_without_changes_has_no_rates():
    assert health.rates(USING, head(USING)).per_minute == {}


def test_the_size_is_that_of_the_log_or_said_to_be_the_databases():
    found = health.size(USING)
    assert found.bytes > 0
    assert found.is_of_database is (connection.vendor == "sqlite")


def test_each_answer_costs_one_statement():
    Owner.objects.create(name="Ada")
    publish()
    its_head = head(USING)
    for ask in (
        lambda: health.backlog(USING),
        lambda: health.publishing_time(USING),
        lambda: health.rates(USING, its_head),
        lambda: health.size(USING),
    ):
        with Statements() as statements:
            ask()
        assert len(statements) == 1


def test_the_future_is_no_age():
    entry = pending("1", uuid.uuid4())
    with log_maintenance():
        later = timezone.now() + HOUR
        SyncLog.objects.filter(pk=entry.pk).update(recorded_at=later)
    assert health.backlog(USING).age == datetime.timedelta()
