"""Two states of a record are compared field by field, as the log writes them."""

from __future__ import annotations

from sync.comparing import compare
from sync.history import Difference, Redacted


def changed(before, after):
    return [row.name for row in compare(before, after) if row.is_changed]


def test_fields_that_differ_come_first():
    assert compare({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "c": 5}) == [
        Difference("b", 2, 4), Difference("c", 3, 5), Difference("a", 1, 1),
    ]  # fmt: skip


def test_values_are_compared_as_the_log_writes_them():
    assert changed({"a": 1, "b": 1, "c": None}, {"a": True, "b": 1.0, "c": ""}) == ["a", "b", "c"]


def test_a_record_that_is_not_there_differs_in_every_field():
    assert changed({}, {"a": 1, "b": Redacted()}) == ["a", "b"]
    assert changed({"a": 1, "b": Redacted()}, {}) == ["a", "b"]


def test_of_a_value_that_was_removed_it_is_not_known_whether_it_differs():
    rows = compare({"a": Redacted("asked")}, {"a": 1})
    assert rows == [Difference("a", Redacted("asked"), 1)]
    assert not rows[0].is_changed
