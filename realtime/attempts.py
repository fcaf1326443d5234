"""How many wrong pairing codes this process has looked at, per address and in all."""

from __future__ import annotations

import dataclasses
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

    An attempt counts from its beginning, so that many at once are not all let through, until it is
    taken back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0.0
        self._wrong: Counter[str] = Counter()

    def begin(self, address: str) -> Attempt:
        """Count an attempt, or raise `RateLimited` where there were too many in this minute."""
        with self._lock:
            self._begin_minute()
            if self._wrong[address] >= conf().PAIRING_ATTEMPTS:
                raise RateLimited(_TOO_MANY)
            if self._wrong.total() >= conf().PAIRING_ATTEMPTS_IN_ALL:
                raise RateLimited(_TOO_MANY)
            self._wrong[address] += 1
            return Attempt(self, address, self._minute)

    def forget(self, attempt: Attempt) -> None:
        """Count an attempt no more."""
        with self._lock:
            if attempt.minute == self._minute:
                self._wrong -= Counter([attempt.address])

    def clear(self) -> None:
        """Forget every attempt."""
        with self._lock:
            self._wrong.clear()

    def _begin_minute(self) -> None:
        minute = self._clock() // MINUTE
        if minute != self._minute:
            self._minute = minute
            self._wrong.clear()


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One code that was sent in."""

    attempts: Attempts
    address: str
    minute: float

    def take_back(self) -> None:
        """Say that the code was not wrong, or was not looked at."""
        self.attempts.forget(self)


attempts: Final = Attempts()
