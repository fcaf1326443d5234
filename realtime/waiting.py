"""Waiting until the relay has come as far as the log was."""

from __future__ import annotations

import asyncio

from sync.cursor import Position
from sync.reading import Tail


class Waiter:
    """Somebody who waits until what was committed before lies behind the relay's position.

    That is the end of the log at the first look that found nothing unnumbered; it does not move,
    so the wait is finite however fast others write.
    """

    def __init__(self, future: asyncio.Future[Position]) -> None:
        self.future = future
        self._target: Position | None = None

    def is_served(self, read: Tail) -> bool:
        """Tell whether the wait is over, after a look."""
        if self._target is None and read.is_published:
            self._target = read.end
        if self._target is None:
            return self.future.done()
        if read.position.epoch == self._target.epoch and read.position.seq < self._target.seq:
            return self.future.done()
        if not self.future.done():
            self.future.set_result(read.position)
        return True
