"""Pages for a crowd: asked for by those of a client's audiences alone that have any news.

After a restart everybody comes with audiences of their own, and asks for what a few of them have
news of. What a page holds is decided by those few, so whoever shares them shares the page.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
from typing import TYPE_CHECKING, Final

from realtime.conf import conf
from realtime.database import in_database
from realtime.gate import catchup_gate
from sync.cursor import Position
from sync.newest import audiences_with_news

if TYPE_CHECKING:
    from realtime.sharing import Asked

CROWD: Final = 3
"""Pages that are being read, or wait for their turn, from which on another one is narrowed."""

ROUGHLY: Final = 1000
"""Entries to which the beginning of a stretch is rounded down: clients that stopped at places near
each other are told by the same look. What lies before the place makes the answer larger at most."""


Look = asyncio.Task[frozenset[str]]


class Narrowing:
    """Which audiences have news in the stretches of the log that were asked for just before. Used
    on one event loop."""

    def __init__(self) -> None:
        self._looks: dict[int, tuple[Position, Look]] = {}

    async def narrowed(self, asked: Asked, others: int) -> Asked:
        """Return what is asked for without the audiences that have no news in it, where so many
        other pages are a crowd; else as it is, for looking would cost more than it saves.

        No entry becomes the newest of its record after its publishing, and none gets another
        audience: so an answer from before the asking, of a stretch that ends there or beyond,
        leaves nothing out. It holds for pages that go on from the start, not for one that starts
        anew (`reset`).
        """
        after = _stretch(asked)
        if after is None:
            return asked
        look = self._look(after, asked.upto, is_crowd=others >= CROWD)
        if look is None:
            return asked
        await asyncio.wait([look])
        if look.cancelled() or look.exception() is not None:
            return asked
        some = asked.audiences & look.result()
        return dataclasses.replace(asked, audiences=some, heard=some)

    def _look(self, after: int, upto: Position, *, is_crowd: bool) -> Look | None:
        end, look = self._looks.get(after, (None, None))
        if end is not None and end.epoch == upto.epoch and end.seq >= upto.seq:
            return look
        return self._begin(after, upto) if is_crowd else None

    def _begin(self, after: int, upto: Position) -> Look:
        loop = asyncio.get_running_loop()
        work = functools.partial(in_database, audiences_with_news, after, upto.seq)
        # In an empty context: it goes on when the one who began it has gone.
        look = loop.create_task(
            catchup_gate().run(work, goes_first=True), context=contextvars.Context()
        )
        look.add_done_callback(functools.partial(self._ended, after))
        self._looks[after] = upto, look
        return look

    def _ended(self, after: int, look: Look) -> None:
        if look.cancelled() or look.exception() is not None or not conf().SHARED_PAGES_TIME:
            self._forget(after, look)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(conf().SHARED_PAGES_TIME, self._forget, after, look)

    def _forget(self, after: int, look: Look) -> None:
        if self._looks.get(after, (None, None))[1] is look:  # else there is a later one
            del self._looks[after]


def _stretch(asked: Asked) -> int | None:
    """Return after which number the stretch begins that a page is of; None where that is too long
    to be looked through, the client holds more than it asks for, or the page is sent under the
    names of its audiences, as those without a cursor are."""
    start, upto = asked.start, asked.upto
    if not isinstance(start, Position) or start.epoch != upto.epoch:
        return None
    if asked.audiences != asked.heard or not asked.with_cursor:
        return None
    is_short = 0 <= upto.seq - start.seq <= (conf().MAX_STRETCH or -1)
    return start.seq - start.seq % ROUGHLY if is_short else None
