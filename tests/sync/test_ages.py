"""An age is a number and a unit, in a command and in a form alike."""

from __future__ import annotations

import datetime

import pytest

from sync.ages import age_of
from sync.errors import RetentionError


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("2w", datetime.timedelta(weeks=2)),
        ("90d", datetime.timedelta(days=90)),
        ("12h", datetime.timedelta(hours=12)),
        (" 30m ", datetime.timedelta(minutes=30)),
        ("45s", datetime.timedelta(seconds=45)),
        ("0d", datetime.timedelta()),
    ],
)
def test_a_number_and_a_unit_are_an_age(text, age):
    assert age_of(text) == age


@pytest.mark.parametrize("text", ["", "90", "d", "1.5d", "-1d", "1y", "1 d", "٣d", "9" * 30 + "d"])
def test_anything_else_is_an_error_that_names_it(text):
    with pytest.raises(RetentionError) as caught:
        age_of(text)
    assert repr(text) in str(caught.value)
