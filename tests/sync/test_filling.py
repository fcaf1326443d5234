"""How much is fetched for a page that is limited in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import reading
from sync.filling import FEWEST, OVERHEAD, Sizes, rows_within
from sync.newest import newest_entries
from tests.sync.paging import pages
from tests.testapp.models import Ticket


@given(st.integers(0, 5000), st.lists(st.text(max_size=20), max_size=20))
def test_the_changes_that_fit_are_those_whose_bytes_do(limit, data):
    data = [text.encode(errors="replace").decode() for text in data]
    sizes = [len(text.encode()) + OVERHEAD for text in data]
    expected = max(count for count in range(len(data) + 1) if sum(sizes[:count]) <= limit)
    assert rows_within(limit, data) == expected


def test_as_many_are_fetched_as_those_seen_last_would_fill_a_page_with():
    sizes = Sizes()
    sizes.learn(["x" * 600] * 3)
    assert 100 <= sizes.rows_for(100 * (600 + OVERHEAD), []) <= 110
    assert 40 <= sizes.rows_for(100 * (600 + OVERHEAD), ["x" * 600] * 60) <= 50


def test_some_are_fetched_in_any_case():
    assert Sizes().rows_for(0, ["x" * 10_000]) == FEWEST


@pytest.mark.django_db(transaction=True)
def test_of_large_records_not_hundreds_are_fetched_for_a_page_of_a_few(monkeypatch, sync_settings):
    fetched = []

    def noted(*args, **kwargs):
        found = newest_entries(*args, **kwargs)
        fetched.append(len(found))
        return found

    for _ in range(120):
        Ticket.objects.create(subject="x" * 100)
    sync_settings(PAGE_BYTES=10 * (150 + OVERHEAD))
    monkeypatch.setattr(reading, "newest_entries", noted)
    found = pages()
    assert sum(len(page.rows) for page in found) == 120
    assert sum(fetched) <= 120 + len(found) * (FEWEST + 2)
