"""The shortest way from one sequence to another, in a number of steps that is bounded whatever they
hold.

By Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), which is quick where little
differs. `difflib` takes seconds for a few hundred words among which a few are repeated often.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

WORK: Final = 300_000
"""Steps that the comparisons of one page may take, which is a fraction of a second."""


@dataclasses.dataclass(slots=True)
class Budget:
    """The steps that are left to several comparisons together."""

    left: int = WORK

    def half(self) -> Budget:
        """Set half aside for an attempt after whose failure there shall be a cheaper one."""
        taken = max(self.left // 2, 0)
        self.left -= taken
        return Budget(taken)

    def take_back(self, part: Budget) -> None:
        """Take what an attempt has left."""
        self.left += max(part.left, 0)


class Run(NamedTuple):
    """Elements that both have: where they begin in each, and how many there are."""

    old: int
    new: int
    length: int


def matching_runs(old: Sequence[Any], new: Sequence[Any], budget: Budget) -> list[Run] | None:
    """Return the runs that both have in common, in order; None where it would take too long."""
    ends: dict[int, int] = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(len(old) + len(new) + 1):
        budget.left -= 2 * edits + 1
        if budget.left < 0:
            return None
        trace.append(ends.copy())
        low, high = max(edits - len(new), 0), max(edits - len(old), 0)
        for diagonal in range(2 * low - edits, edits - 2 * high + 1, 2):
            x = start = _entered(ends, diagonal)
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            ends[diagonal] = x
            budget.left -= x - start
            if x >= len(old) and y >= len(new):
                return _runs(trace, x, y)
    raise AssertionError("unreachable: everything can be deleted and inserted")


def _entered(ends: dict[int, int], diagonal: int) -> int:
    """Return where an edit enters a diagonal, from the neighbour that has come further."""
    above, left = ends.get(diagonal + 1, -1), ends.get(diagonal - 1, -1)
    return above if left < above else left + 1


def _runs(trace: list[dict[int, int]], x: int, y: int) -> list[Run]:
    """Walk back from the end, edit by edit."""
    runs: list[Run] = []
    for ends in reversed(trace):
        diagonal = x - y
        start = _entered(ends, diagonal)
        if x > start:
            runs.append(Run(start, start - diagonal, x - start))
        came_from_above = ends.get(diagonal - 1, -1) < ends.get(diagonal + 1, -1)
        x = start if came_from_above else start - 1
        y = start - diagonal - 1 if came_from_above else start - diagonal
    return runs[::-1]
