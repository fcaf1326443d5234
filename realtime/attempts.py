"""How many wrong pairing codes this process has looked at, per address and in all."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from realtime.conf import conf
from realtime.errors import RateLimited

MINUTE: Final = 60.0

_TOO_MANY: Final = "Too many wrong codes. Wait a minute, then try again."


class Attempts:
    """Counts within one minute after the other, from any thread.

    An attempt counts from its beginning, so that many at once are not all let through, and does not
    count any more once it succeeded.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0.0
        self._wrong: Counter[str] = Counter()

    def begin(self, address: str) -> Attempt:
        """Count an attempt, or raise `RateLimited` where there were too many in this minute."""
        with self._lock:
            self._forget()
            if self._wrong[address] >= conf().PAIRING_ATTEMPTS:
                raise RateLimited(_TOO_MANY)
            if self._wrong.total() >= conf().PAIRING_ATTEMPTS_IN_ALL:
                raise RateLimited(_TOO_MANY)
            self._wrong[address] += 1
            return Attempt(self, address, self._minute)

    def take_back(self, attempt: Attempt) -> None:
        """Count an attempt no more."""
        with self._lock:
            if attempt.minute == self._minute:
                self._wrong[attempt.address] -= 1

    def clear(self) -> None:
        """Forget every attempt."""
        with self._lock:
            self._wrong.clear()

    def _forget(self) -> None:
        minute = self._clock() // MINUTE
        if minute != self._minute:
            self._minute = minute
            self._wrong.clear()


class Attempt:
    """One code that was sent in."""

    def __init__(self, attempts: Attempts, address: str, minute: float) -> None:
        self._attempts = attempts
        self.address = address
        self.minute = minute

    def succeeded(self) -> None:
        """Say that the code was right."""
        self._attempts.take_back(self)


attempts: Final = Attempts()
