"""Many records in parts that one statement can ask about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

CHUNK: Final = 500
"""Records looked up by one statement: below the 999 parameters of SQLite."""


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in their order, at most `CHUNK` of them at a time."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
