"""How many changes fill a page that is limited in bytes: known of those that were fetched, and
guessed of those that were not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

OVERHEAD: Final = 400
"""Bytes that a change takes on the wire besides its data, for the size limit of pages."""

TYPICAL: Final = 200.0
"""Bytes of data that a change is taken to have while none was seen."""

FEWEST: Final = 16
SPARE: Final = 1.03
"""How much more is fetched than should fit, so that one look is mostly enough."""


def rows_within(limit: int, data: Sequence[str]) -> int:
    """Return how many changes from the first on fit into so many bytes."""
    texts = data if all(map(str.isascii, data)) else [text.encode() for text in data]
    return bisect_right(list(accumulate(map(OVERHEAD.__add__, map(len, texts)))), limit)


class Sizes:
    """How large changes are, going by the page that was read last: a guess, which costs another
    look or some rows in vain where it is wrong. Threads may share it."""

    def __init__(self) -> None:
        self._mean = TYPICAL

    def rows_for(self, limit: int, have: Sequence[str]) -> int:
        """Return how many changes to fetch for a page of so many bytes, of which it has some."""
        self.learn(have)
        left = limit - len(have) * (self._mean + OVERHEAD)
        return max(FEWEST, int(SPARE * left / (self._mean + OVERHEAD)) + 2)

    def learn(self, data: Sequence[str]) -> None:
        """Go by these from now on."""
        if data:
            self._mean = sum(map(len, data)) / len(data)
