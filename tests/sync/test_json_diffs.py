"""JSON values are compared place by place."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from sync import codec
from sync.json_diffs import ADDED, CHANGED, DEPTH, REMOVED, Change, json_diff

leaves = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "1"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


def at(value, path):
    for step in path:
        value = value[step]
    return value


def without(value, gone, marked):
    """Return the value with a mark at some places, and without others."""
    holder = [copy.deepcopy(value)]
    for path in marked:
        at(holder, (0, *path)[:-1])[(0, *path)[-1]] = "a mark"
    for path in sorted(gone, key=lambda path: [str(step).zfill(3) for step in path], reverse=True):
        del at(holder, (0, *path)[:-1])[(0, *path)[-1]]
    return holder


@given(values, values)
def test_but_for_what_is_told_the_values_are_equal(before, after):
    changes = json_diff(before, after)
    old = [one.old_path for one in changes if one.kind == CHANGED]
    new = [one.new_path for one in changes if one.kind == CHANGED]
    removed = [one.old_path for one in changes if one.kind == REMOVED]
    added = [one.new_path for one in changes if one.kind == ADDED]
    left = without(before, removed, old)
    assert codec.to_json(left) == codec.to_json(without(after, added, new))


@given(values, values)
def test_each_change_has_what_is_at_its_place(before, after):
    for change in json_diff(before, after):
        if change.old_path is not None:
            assert at(before, change.old_path) == change.before
        if change.new_path is not None:
            assert at(after, change.new_path) == change.after


@given(values)
def test_equal_values_have_no_changes(value):
    assert json_diff(value, copy.deepcopy(value)) == []


def test_a_number_is_not_the_truth():
    assert [one.kind for one in json_diff({"a": 1}, {"a": True})] == [CHANGED]


def test_nested_places_are_told_one_by_one():
    before = {"lamp": {"on": True, "colour": "red"}, "rooms": ["hall", "attic"]}
    after = {"lamp": {"on": False, "watts": 5}, "rooms": ["porch", "hall", "attic"]}
    assert json_diff(before, after) == [
        Change(REMOVED, before="red", old_path=("lamp", "colour")),
        Change(CHANGED, True, False, ("lamp", "on"), ("lamp", "on")),
        Change(ADDED, after=5, new_path=("lamp", "watts")),
        Change(ADDED, after="porch", new_path=("rooms", 0)),
    ]


def test_an_item_that_moved_down_is_compared_with_itself():
    before = [{"id": 1}, {"id": 2, "n": 0}]
    after = [{"id": 9}, {"id": 1}, {"id": 2, "n": 1}]
    assert [(one.kind, one.path) for one in json_diff(before, after)] == [
        (ADDED, (0,)), (CHANGED, (2, "n")),
    ]  # fmt: skip


def test_what_lies_too_deep_is_changed_as_a_whole():
    def nested(leaf):
        for _ in range(DEPTH + 5):
            leaf = [leaf]
        return leaf

    [change] = json_diff(nested(1), nested(2))
    assert len(change.path) == DEPTH


def test_long_lists_without_a_common_item_are_compared_in_their_order():
    changes = json_diff(list(range(2000)), list(range(5000, 7001)))
    assert [one.kind for one in changes] == [CHANGED] * 2000 + [ADDED]
