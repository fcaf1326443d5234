"""What an address asks for, and which changes that finds."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.http import QueryDict
from django.utils import timezone

import sync
from sync.admin.searching import Search
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import pending, published
from tests.testapp.models import Owner, Seat, Stock

TABLES = ("testapp_stock", "testapp_owner", "testapp_seat")


@pytest.fixture
def history(db, django_user_model):
    """Make changes of three records, by two people and a job."""
    ada = django_user_model.objects.create(pk=77, username="ada")
    with sync.context(actor=ada, source="request", request_id="r-1", client_id="c-1"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="command"):
        stock.quantity = 4
        stock.save()
        Owner.objects.create(name="Alan").delete()
    with sync.context(actor="77", source="task"):
        Seat.objects.create(room=" a/b?", number=1)
    publish()
    return stock


def found(query, tables=TABLES):
    entries = Search.parse(QueryDict(query)).entries(tables).order_by("seq")
    return [(entry.table.removeprefix("testapp_"), entry.action) for entry in entries]


ALL = [
    ("stock", "insert"), ("stock", "update"), ("owner", "insert"), ("owner", "delete"),
    ("seat", "insert"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("table=testapp_stock", [0, 1]),
        ("action=delete", [3]),
        ("table=testapp_stock&action=update", [1]),
        ("actor=ada", [0]),
        ("actor=77", [0, 4]),
        ("actor=ad", []),
        ("source=command", [1, 2, 3]),
        ("audience=everyone", [0, 1, 2, 3, 4]),
        ("audience=nobody", []),
        ("table=testapp_stock&field=quantity", [1]),
        ("table=testapp_stock&field=sku", []),
        ("request=r-1", [0]),
        ("client=c-1", [0]),
        ("q=grace", [1, 2, 3]),
        ("q=77", [0, 4]),
        ("q=r-1", [0]),
        ("q=c-1", [0]),
        ("q=gra", []),
        ('record=[" a/b?",1]', [4]),
        ('q=[" a/b?",1]', [4]),
        ("since=2001-01-01T00:00", [0, 1, 2, 3, 4]),
        ("since=9998-01-01T00:00", []),
        ("until=2001-01-01T00:00", []),
        ("until=0001-01-01T00:00Z", []),
        ("period=15m", [0, 1, 2, 3, 4]),
    ],
)
def test_a_search_finds_what_matches_all_of_its_filters(history, query, places):
    assert found(query) == [ALL[place] for place in places]


def test_a_transaction_is_found_by_its_own_filter_and_by_the_text(history):
    other = uuid.uuid4()
    pending(str(Owner.FALLBACK), other)
    publish()
    for text in (str(other), other.hex.upper()):
        assert found(f"transaction={text}") == [("owner", "update")]
        assert found(f"q={text}") == [("owner", "update")]


def test_a_record_is_found_in_every_table_that_may_be_seen(history):
    assert found(f"record={history.pk}", ["testapp_stock"]) == ALL[:2]


def test_nothing_is_found_of_a_table_that_may_not_be_seen(history):
    assert found("", ["testapp_seat"]) == ALL[4:]
    assert found("table=testapp_stock", ["testapp_seat"]) == []
    assert found("", []) == []


def test_a_range_begins_with_its_first_moment_and_ends_before_its_last(history):
    at = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
    entries = published()
    with log_maintenance():
        for minutes, entry in enumerate(entries):
            moment = at + datetime.timedelta(minutes=minutes)
            SyncLog.objects.filter(pk=entry.pk).update(published_at=moment)
    assert found("since=2026-01-31T12:01Z&until=2026-01-31T12:03Z") == ALL[1:3]
    assert found("since=2026-01-31T12:04&period=30d") == []


def test_times_without_an_offset_are_local():
    with timezone.override("Asia/Tokyo"):
        search = Search.parse(QueryDict("since=2026-01-31T12:00"))
    assert search.since == datetime.datetime(2026, 1, 31, 3, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("table=nowhere", "table", "There is no table nowhere to be seen here."),
        ("action=burn", "action", "Select a valid choice"),
        ("source=moon", "source", "Select a valid choice"),
        ("field=quantity", "field", "choose its table first"),
        ("table=testapp_stock&field=colour", "field", "has no field colour"),
        ("transaction=7", "transaction", "Enter the whole id of a transaction"),
        ("period=1y", "period", "Select a valid choice"),
        ("since=yesterday", "since", "Enter a valid date/time"),
        ("since=0001-01-01T00:00%2B14:00", "since", "Enter a valid date/time"),
        ("until=9999-12-31T23:59:59-12:00", "until", "Enter a valid date/time"),
        ("since=2026-02-01T00:00&until=2026-01-01T00:00", "until", "choose a later time"),
        (f"request={'x' * 65}", "request", "at most 64 characters"),
        ("q=%00", "q", "Null characters are not allowed"),
    ],
)
def test_a_wrong_value_is_told_and_the_rest_still_works(query, name, message):
    search = Search.parse(QueryDict(f"{query}&actor=ada"))
    assert search.errors.keys() == {name}
    assert message in search.errors[name]
    assert search.actor == "ada"
    assert not getattr(search, name)


def test_one_search_has_one_address_whatever_it_was_asked_with():
    asked = "client=c-1&since=2026-01-31+12:00&actor=&action=insert&before=7&q=a%26b"
    search = Search.parse(QueryDict(asked))
    assert search.query_string() == "q=a%26b&action=insert&client=c-1&since=2026-01-31T12%3A00%3A00"
    assert Search.parse(QueryDict(search.query_string())) == search
    assert search.query_string(before=7).endswith("&before=7")
    assert Search().query_string() == ""


def test_an_hour_that_the_clock_shows_twice_is_told_with_its_offset():
    with timezone.override("Europe/Berlin"):
        for hour, offset in ((0, "+02:00"), (1, "+01:00")):
            moment = datetime.datetime(2025, 10, 26, hour, 30, tzinfo=datetime.UTC)
            search = Search(since=moment)
            assert search.chosen["since"] == f"2025-10-26T02:30:00{offset}"
            assert Search.parse(QueryDict(search.query_string())).since == moment


def test_a_search_narrowed_to_another_table_asks_for_none_of_the_former_ones_fields():
    search = Search(table="testapp_stock", field="sku", actor="ada")
    assert search.narrowed(table="testapp_owner") == Search(table="testapp_owner", actor="ada")
    assert search.narrowed(action="delete").field == "sku"


def test_a_search_without_times_needs_no_look_for_their_place(history, django_assert_num_queries):
    with django_assert_num_queries(1):
        list(Search.parse(QueryDict("actor=ada")).entries(TABLES))
