"""Two sequences are matched in a bounded number of steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.matching import WORK, Budget, matching_runs

letters = st.lists(st.sampled_from("abc"), max_size=12)


def longest_common(old, new):
    """Return the length of the longest common subsequence, by the book."""
    row = [0] * (len(new) + 1)
    for one in old:
        above = row[:]
        for y, other in enumerate(new, 1):
            row[y] = above[y - 1] + 1 if one == other else max(above[y], row[y - 1])
    return row[-1]


@given(letters, letters)
def test_the_runs_are_what_both_have_in_common_and_as_much_as_there_is(old, new):
    runs = matching_runs(old, new, Budget())
    for run in runs:
        assert old[run.old : run.old + run.length] == new[run.new : run.new + run.length]
    for run, following in zip(runs, runs[1:], strict=False):
        assert run.old + run.length <= following.old
        assert run.new + run.length <= following.new
    assert sum(run.length for run in runs) == longest_common(old, new)


def test_what_has_nothing_in_common_ends_with_the_budget():
    budget = Budget()
    old, new = [("old", n) for n in range(5000)], [("new", n) for n in range(5000)]
    assert matching_runs(old, new, budget) is None
    assert budget.left < 0


def test_long_runs_are_paid_for_as_well():
    assert matching_runs("a" * (WORK + 1), "a" * (WORK + 1), Budget()) == [(0, 0, WORK + 1)]
    budget = Budget()
    matching_runs("b" + "a" * WORK + "c", "d" + "a" * WORK + "e", budget)
    assert budget.left < 0
