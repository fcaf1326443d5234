"""A search is read page by page, in the order of the log, and no page looks at more than it may."""

from __future__ import annotations

import itertools
import uuid

import pytest

import sync
from sync.admin.bounded import Span
from sync.admin.searching import Search
from sync.admin.walking import Walk
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements, pending, published
from tests.testapp.models import Owner, Seat, Stock

pytestmark = pytest.mark.django_db

TABLES = ("testapp_stock", "testapp_owner", "testapp_seat")


@pytest.fixture
def history():
    """Make 60 changes, of which each kind of search finds some, here and there."""
    for number in range(20):
        with sync.context(
            actor=("ada", "grace")[number % 2],
            source=("shell", "command", "task")[number % 3],
            client_id="c-1" if number == 3 else "",
            request_id="r-1" if number in (4, 17) else "",
        ):
            stock = Stock.objects.create(sku=str(number), warehouse="n")
            Owner.objects.create(pk=stock.pk, name=str(number))
            if number % 5 == 0:
                stock.delete()
            else:
                Stock.objects.filter(pk=stock.pk).update(quantity=7)
    pending("7", uuid.UUID(int=7))
    publish()
    return published()


SEARCHES = [
    {}, {"actor": "ada"}, {"actor": "grace", "action": "insert"}, {"source": "shell"},
    {"action": "delete"}, {"table": "testapp_stock"}, {"client": "c-1"}, {"request": "r-1"},
    {"table": "testapp_stock", "field": "quantity"}, {"q": "ada"}, {"q": "r-1"},
    {"transaction": str(uuid.UUID(int=7))}, {"audience": "nobody"}, {"actor": "nobody"},
    {"audience": "everyone", "actor": "ada", "action": "update"},
]  # fmt: skip


def counted(search, tables=TABLES):
    walk = Walk(search, tables, 99)
    return walk.count(walk.older())


def walked(search, newest_first=True, tables=TABLES):
    """Return the numbers on all pages, one list a page."""
    walk = Walk(search, tables, published()[-1].seq)
    pages, place = [], None if newest_first else 0
    for _ in range(200):
        page = walk.older(place) if newest_first else walk.newer(place)
        pages.append([entry.seq for entry in page.entries])
        if page.has_more:
            place = pages[-1][-1 if newest_first else 0]
        elif page.unseen is not None:
            place = page.unseen + (1 if newest_first else -1)
        else:
            return pages
    raise AssertionError(f"does not end: {pages}")


@pytest.mark.parametrize("looked_at", [1, 7, 20_000])
@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_the_pages_together_hold_all_that_matches_once_and_in_order(
    history, sync_settings, search, looked_at
):
    sync_settings(HISTORY_PAGE=4, HISTORY_SEARCH_ROWS=looked_at)
    search = Search(**search)
    expected = [one.seq for one in search.entries(TABLES).order_by("-seq")]
    pages = walked(search)
    assert list(itertools.chain(*pages)) == expected
    assert all(len(page) <= 4 for page in pages)
    forward = walked(search, newest_first=False)
    assert list(itertools.chain(*forward[::-1])) == expected


@pytest.mark.parametrize("few", [1, 10_000])
@pytest.mark.parametrize("looked_at", [1, 7, 100, 20_000])
@pytest.mark.parametrize("more", [{}, {"action": "insert"}, {"field": "quantity"}], ids=str)
def test_a_table_is_read_whole_and_in_order_whether_it_has_few_changes_or_many(
    history, sync_settings, more, looked_at, few
):
    sync_settings(HISTORY_PAGE=4, HISTORY_SEARCH_ROWS=looked_at, HISTORY_COUNT_ROWS=few)
    search = Search(table="testapp_stock", **more)
    expected = [one.seq for one in search.entries(TABLES).order_by("-seq")]
    assert list(itertools.chain(*walked(search))) == expected
    assert list(itertools.chain(*walked(search, newest_first=False)[::-1])) == expected


def test_the_pages_go_on_over_what_was_removed(history, sync_settings):
    sync_settings(HISTORY_PAGE=4, HISTORY_SEARCH_ROWS=3)
    with log_maintenance():
        SyncLog.objects.filter(seq__gt=5, seq__lt=40).delete()
    kept = [entry.seq for entry in published()][::-1]
    assert list(itertools.chain(*walked(Search()))) == kept


def test_a_record_is_found_in_each_table_in_the_order_of_the_log(history):
    stock = Stock.objects.get(sku="3")
    Seat.objects.create(room="a", number=1)
    publish()
    found = Walk(Search(record=str(stock.pk)), TABLES, 99).older().entries
    assert [(e.table, e.action) for e in found] == [
        ("testapp_stock", "update"), ("testapp_owner", "insert"), ("testapp_stock", "insert"),
    ]  # fmt: skip


def test_what_may_not_be_seen_is_on_no_page(history):
    for search in ({}, {"actor": "ada"}, {"q": "ada"}, {"transaction": str(uuid.UUID(int=7))}):
        found = itertools.chain(*walked(Search(**search), tables=("testapp_stock",)))
        tables = {SyncLog.objects.get(seq=seq).table for seq in found}
        assert tables <= {"testapp_stock"}
        assert walked(Search(**search), tables=()) == [[]]
    for table in ({"table": "testapp_owner"}, {"table": "testapp_owner", "record": "1"}):
        assert walked(Search(**table), tables=("testapp_stock",)) == [[]]
        assert counted(Search(**table), ("testapp_stock",)).number == 0


@pytest.mark.parametrize("search", SEARCHES, ids=str)
@pytest.mark.parametrize("page", [1, 50])
def test_all_that_is_found_is_counted(history, sync_settings, search, page):
    sync_settings(HISTORY_PAGE=page)
    search = Search(**search)
    count = counted(search)
    assert (count.number, count.is_all) == (search.entries(TABLES).count(), True)


def test_counting_ends_at_its_limit_and_where_looking_ends(history, sync_settings):
    sync_settings(HISTORY_PAGE=1, HISTORY_COUNT_ROWS=10, HISTORY_SEARCH_ROWS=30)
    count = counted(Search(table="testapp_stock"))
    assert (count.number, count.is_all, count.is_capped) == (10, False, True)
    count = counted(Search(action="delete"))
    assert (count.is_all, count.is_capped) == (False, False)
    assert count.number < Search(action="delete").entries(TABLES).count()


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_a_page_takes_few_statements_whatever_is_searched_for(history, search):
    with Statements() as statements:
        Walk(Search(**search), TABLES, 99).older()
    assert len(statements) <= 4


def test_a_range_is_what_lies_in_both():
    assert Span(0, 9).within(3, None) == Span(3, 9)
    assert Span(0, 9).within(None, 4).within(2, 7) == Span(2, 4)
    assert Span(5, 2).size == 0
