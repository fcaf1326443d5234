"""Waiting for the relay: it ends, and not before all that was committed is behind it."""

from __future__ import annotations

import asyncio

from realtime.waiting import Waiter
from sync.cursor import Position
from sync.reading import Tail


async def test_a_wait_ends_where_the_log_ended_however_much_comes_after():
    def look(seq, end, *, is_published=True):
        return Tail([], Position("epoch", seq), Position("epoch", end), is_published)

    waiter = Waiter(asyncio.get_running_loop().create_future())
    looks = (look(2, 4, is_published=False), look(4, 9), look(6, 20), look(9, 30))
    assert [waiter.is_served(one) for one in looks] == [False, False, False, True]
    assert waiter.future.result().seq == 9
