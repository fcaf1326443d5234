"""A point of a history is named by the number of a change or by a moment, and by nothing else."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from sync.admin.points import parse_point


@pytest.mark.parametrize(("text", "number"), [("0", 0), (" 42 ", 42), ("9" * 18, 10**18 - 1)])
def test_digits_are_the_number_of_a_change(text, number):
    assert parse_point(text) == number


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00", "2026-01-31T12:00:00", "2026-01-31 12:00", "2026-01-31T12:00:00Z"]
)
def test_a_date_and_time_is_a_moment(text):
    assert parse_point(text) == datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)


def test_a_moment_without_a_zone_is_in_the_current_one():
    with timezone.override("Asia/Kathmandu"):
        found = parse_point("2026-01-31T12:00")
    assert found == datetime.datetime(2026, 1, 31, 6, 15, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "-1", "1.5", "9" * 19, "²", "2026-02-30T12:00", "\x00"]
    + ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00+14:00"],
)
def test_anything_else_is_refused_with_what_to_do(text):
    with pytest.raises(ValidationError, match="such as 2026-01-31 12:00"):
        parse_point(text)
