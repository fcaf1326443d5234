"""What changed between two JSON values, place by place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from sync import codec
from sync.matching import Budget, Run, matching_runs

ADDED: Final = "added"
REMOVED: Final = "removed"
CHANGED: Final = "changed"

DEPTH: Final = 20
"""Levels that are compared place by place; what lies deeper is changed as a whole."""

type_path = tuple[str | int, ...]
"""The keys of objects and places in lists that lead to a value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One place that has come, gone or got another value."""

    kind: str
    before: Any = None
    after: Any = None
    old_path: type_path | None = None
    """Where it is in the old value; None for what has come."""
    new_path: type_path | None = None
    """Where it is in the new value; None for what has gone."""

    @property
    def path(self) -> type_path:
        """Where it is now, or was last."""
        return (self.old_path or ()) if self.new_path is None else self.new_path


def json_diff(before: Any, after: Any, budget: Budget | None = None) -> list[Change]:
    """Return what changed, in the order of the places; nothing where the values are equal.

    The old value without what has gone and the new one without what has come are equal but for the
    places that are told to have changed.
    """
    return list(_changes(before, after, (), (), budget or Budget(), DEPTH))


def _changes(
    before: Any, after: Any, old_path: type_path, new_path: type_path, budget: Budget, depth: int
) -> Iterator[Change]:
    if _text(before) == _text(after):
        return
    if depth and isinstance(before, dict) and isinstance(after, dict):
        yield from _changes_of_objects(before, after, old_path, new_path, budget, depth - 1)
    elif depth and isinstance(before, list) and isinstance(after, list):
        yield from _changes_of_lists(before, after, old_path, new_path, budget, depth - 1)
    else:
        yield Change(CHANGED, before, after, old_path, new_path)


def _changes_of_objects(
    before: dict[str, Any],
    after: dict[str, Any],
    old_path: type_path,
    new_path: type_path,
    budget: Budget,
    depth: int,
) -> Iterator[Change]:
    for key in sorted(before.keys() | after):
        old, new = (*old_path, key), (*new_path, key)
        if key not in after:
            yield Change(REMOVED, before=before[key], old_path=old)
        elif key not in before:
            yield Change(ADDED, after=after[key], new_path=new)
        else:
            yield from _changes(before[key], after[key], old, new, budget, depth)


def _changes_of_lists(
    before: list[Any],
    after: list[Any],
    old_path: type_path,
    new_path: type_path,
    budget: Budget,
    depth: int,
) -> Iterator[Change]:
    """Match equal items, and compare those between them one by one, in their order."""
    texts = [_text(item) for item in before], [_text(item) for item in after]
    runs = matching_runs(*texts, budget) or []
    x = y = 0
    for run in (*runs, Run(len(before), len(after), 0)):
        while x < run.old and y < run.new:
            old, new = (*old_path, x), (*new_path, y)
            yield from _changes(before[x], after[y], old, new, budget, depth)
            x, y = x + 1, y + 1
        for place in range(x, run.old):
            yield Change(REMOVED, before=before[place], old_path=(*old_path, place))
        for place in range(y, run.new):
            yield Change(ADDED, after=after[place], new_path=(*new_path, place))
        x, y = run.old + run.length, run.new + run.length


def _text(value: Any) -> str:
    # To Python `1`, `1.0` and `True` are equal.
    return codec.to_json(value)
