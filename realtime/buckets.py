"""A token bucket: how much may be spent at once, and how much per second from then on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

Clock = Callable[[], float]


class TokenBucket:
    """Holds up to `burst` tokens and gets `rate` of them per second; a rate of 0 means no limit.

    It can be in debt, for the cost of some work is known only afterwards, but by no more than
    `burst`: what has been overspent is paid for within `burst / rate` seconds.
    """

    def __init__(self, rate: float, burst: float, clock: Clock | None = None) -> None:
        self._clock = clock or time.monotonic
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._seen_at = self._clock()

    @property
    def level(self) -> float:
        """The tokens there are now; negative in debt, infinite where there is no limit."""
        if not self._rate:
            return math.inf
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._seen_at) * self._rate)
        self._seen_at = now
        return self._level

    def spend(self, tokens: float) -> None:
        """Take tokens away, whether or not they are there."""
        self._level = max(-self._burst, self.level - tokens) if self._rate else 0.0

    def seconds_until(self, level: float) -> float:
        """Return how long it takes until there are so many tokens, if none are spent."""
        missing = level - self.level
        return max(0.0, missing / self._rate) if self._rate else 0.0
