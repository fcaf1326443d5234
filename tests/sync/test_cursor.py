"""Cursors come back as they went out, and nothing else is taken for one."""

from __future__ import annotations

import datetime
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.cursor import Position, parse_since
from sync.errors import InvalidCursor, InvalidSince
from sync.models import LogHead, SyncLog, new_epoch

UTC = datetime.UTC


@given(st.builds(new_epoch), st.integers(0, 10**18 - 1), st.uuids())
def test_a_cursor_comes_back_as_the_position_it_was(epoch, seq, transaction):
    entry = SyncLog(seq=seq, transaction=transaction)
    position = Position.of_entry(epoch, entry)
    assert Position.parse(position.cursor) == position
    assert len(position.cursor) <= 64


PLACES = st.integers(0, 10**15 - 1)


@given(st.builds(new_epoch), st.uuids(), st.lists(PLACES, min_size=3, max_size=3).map(sorted))
def test_a_cursor_between_two_pages_carries_what_the_next_page_needs(epoch, transaction, places):
    seq, floor, end = places
    head = Position.of_head(LogHead(epoch=epoch, seq=end, transaction=transaction))
    entry = SyncLog(seq=seq, transaction=uuid.uuid4())
    position = Position.between_pages(head, entry, floor)
    assert Position.parse(position.cursor) == position
    assert len(position.cursor) <= 64
    assert (position.witness, position.tag) == (end, head.tag)
    assert (position.seq, position.whole_up_to) == (seq, floor)


def test_a_floor_that_lies_behind_is_left_out():
    head = Position("0123abcd", 9, "89abcdef")
    position = Position.between_pages(head, SyncLog(seq=5, transaction=uuid.uuid4()), 4)
    assert position.cursor == "0123abcd-5-89abcdef-9"
    assert position.whole_up_to == 5


def test_the_end_of_an_empty_log_is_a_cursor():
    position = Position.of_head(LogHead(epoch="0123abcd", seq=0))
    assert position.cursor == "0123abcd-0-00000000"
    assert Position.parse(position.cursor).seq == 0


def test_the_position_behind_an_entry_is_that_of_a_log_that_ends_there():
    transaction = uuid.uuid4()
    head = LogHead(epoch="0123abcd", seq=7, transaction=transaction)
    entry = SyncLog(seq=7, transaction=transaction)
    assert Position.of_entry("0123abcd", entry).cursor == Position.of_head(head).cursor


@pytest.mark.parametrize(
    "text",
    ["", "0", "0123abcd-1", "0123abcd-01-00000000", "0123abcd--1-00000000",
     "0123ABCD-1-00000000", "0123abcd-1-0000000", "0123abcd-1-00000000 ", "0123abcd-1-00000000\n",
     "0123abcd-1-00000000-", "0123abcd-1-00000000-01", "0123abcd-1-00000000-2-3-4",
     "0123abcd-1-00000000--2", "0123abcd-1-00000000-" + "9" * 19,
     "0123abcd-" + "9" * 19 + "-00000000", "0123abcd-\u0661-00000000", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidCursor, match="Send back a cursor unchanged") as caught:
        Position.parse(text)
    assert caught.value.cursor == text


@given(st.text())
def test_no_text_breaks_the_parser(text):
    with pytest.raises(InvalidCursor):
        Position.parse(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00.000001Z", datetime.datetime(2026, 1, 31, 12, 0, 0, 1, UTC)),
        ("2026-01-31T14:00:00+02:00", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime.datetime(2026, 1, 31, tzinfo=UTC)),
        (" 2026-01-31T12:00:00Z\n", datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_since_is_a_time_in_utc(text, moment):
    assert parse_since(text) == moment
    assert parse_since(text).utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize(
    "since",
    ["", "yesterday", "2026-13-01", "2026-01-31T25:00", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", 1769860800, None, True, [], "\ud800"],
)  # fmt: skip
def test_what_is_no_time_is_refused(since):
    with pytest.raises(InvalidSince, match="ISO 8601") as caught:
        parse_since(since)
    assert caught.value.since is since


@given(st.text() | st.floats() | st.integers())
def test_no_since_breaks_the_parser(since):
    try:
        assert parse_since(since).tzinfo is UTC
    except InvalidSince as error:
        assert error.since is since
