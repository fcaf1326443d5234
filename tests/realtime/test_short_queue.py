"""A list in place of a deque: the same to whoever uses it."""

from __future__ import annotations

import asyncio
from collections import deque
from types import SimpleNamespace

from realtime.short_queue import ShortQueue, shorten


def test_what_was_put_in_first_is_taken_out_first():
    queue = ShortQueue("ab")
    queue.append("c")
    assert [queue.popleft() for _ in range(3)] == ["a", "b", "c"]
    assert not queue


def test_an_owners_deques_are_shortened_and_keep_what_is_in_them():
    owner = SimpleNamespace(waiting=deque([1, 2]), ready=deque())
    shorten(owner, "waiting", "ready")
    assert type(owner.waiting) is type(owner.ready) is ShortQueue
    assert owner.waiting == [1, 2]


def test_what_is_no_plain_deque_stays_as_it_is():
    owner = SimpleNamespace(bounded=deque([1], maxlen=1), other={1})
    shorten(owner, "bounded", "other", "missing")
    assert owner == SimpleNamespace(bounded=deque([1], maxlen=1), other={1})
    shorten(None, "anything")


async def test_a_queue_of_asyncio_with_short_queues_wakes_whoever_waits_in_turn():
    queue = asyncio.Queue()
    queue.put_nowait("before")
    shorten(queue, "_queue", "_getters", "_putters")
    assert await queue.get() == "before"
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    for item in "ab":
        queue.put_nowait(item)
    assert await asyncio.gather(*waiting[1:]) == ["a", "b"]
    assert queue.empty()
