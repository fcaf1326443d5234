"""What one connection may ask for: so many messages, and so much reading of the log."""

from __future__ import annotations

import math
from typing import Final

from realtime.buckets import Clock, TokenBucket
from realtime.conf import conf
from realtime.errors import RateLimited

PAGE_COST: Final = 1.0
"""What a page costs that holds nothing."""

CHANGES_PER_COST: Final = 100
"""Changes in a page for which it costs 1 more."""


class MessageLimit:
    """How many messages a connection may send.

    Beyond it, the first message gets an error and the others nothing, until the client could
    send for a second again: else a flood would be answered by a flood.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        rate, burst = conf().MESSAGE_RATE, conf().MESSAGE_BURST
        self._bucket = TokenBucket(rate, burst, clock)
        self._enough = max(1.0, min(rate, burst))
        self._over = False

    def admits(self) -> bool:
        """Tell whether the next message is to be answered; raises `RateLimited` for the first
        that is not."""
        if self._bucket.level >= (self._enough if self._over else 1):
            self._over = False
            self._bucket.spend(1)
            return True
        if self._over:
            return False
        self._over = True
        raise RateLimited(
            "Too many messages. What you send is dropped until you have waited.",
            retry_after=self._bucket.seconds_until(self._enough),
        )


class CatchUpBudget:
    """How much of the log a connection may have read for it.

    Checked before a request and charged after each page, by its size, which nobody knows before:
    so a request is refused while those before it have not been paid for.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._bucket = TokenBucket(conf().SYNC_COST_RATE, conf().SYNC_COST_BURST, clock)

    def check(self) -> None:
        """Raise `RateLimited` while the budget is overspent."""
        if self._bucket.level >= 0:
            return
        raise RateLimited(
            "Too much of the log is asked for. Wait before you ask for the next page.",
            retry_after=self._bucket.seconds_until(0),
        )

    def charge(self, changes: int) -> None:
        """Pay for a page with so many changes."""
        self._bucket.spend(PAGE_COST + math.ceil(changes / CHANGES_PER_COST))
