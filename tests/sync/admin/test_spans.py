"""Spans of time as people say them."""

from __future__ import annotations

import datetime

import pytest

from sync.admin.spans import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1.2, "1 second"), (119, "119 seconds"), (120, "2\xa0minutes")],
)
def test_a_span_is_said_in_seconds_and_then_in_what_it_lasts(seconds, said):
    assert span(datetime.timedelta(seconds=seconds)) == said
