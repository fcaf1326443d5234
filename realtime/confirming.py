"""Looking up what users may hear, for all connections together that wait for it.

After a restart every client comes back at once, and each of its pages is sent for rights that are
looked up after it was read. One by one these look-ups would be most of the work.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any, Final
from weakref import WeakKeyDictionary

from realtime import rights
from realtime.connection import Identity
from realtime.database import in_database, tellable
from realtime.errors import EndsConnection
from realtime.gate import catchup_gate

BATCH: Final = 50
"""Users that are looked up by one call, for whom the host is asked one by one: the first waits for
the last."""

MOST: Final = 1000
"""Connections that are looked up by one call, however few users they are of."""

Waiting = tuple[Identity, asyncio.Future[Identity | EndsConnection]]


class Confirmations:
    """The look-ups of one event loop. Those who ask before a batch begins are answered by it; who
    asks meanwhile is answered by the next one, and so never by what was found before the asking."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._is_called = False

    async def confirm(self, identity: Identity) -> Identity | EndsConnection:
        """Return who is connected as it is now, or why that has ended.

        What was committed before the call counts. Raises what the look-up raised.
        """
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((identity, answer))
        self._call()
        found: Identity | EndsConnection = await answer
        return found

    def _call(self) -> None:
        """Have a batch begun when its turn has come: before pages, for pages wait for it."""
        if self._is_called:
            return
        self._is_called = True
        coroutine = catchup_gate().run(self._answer, goes_first=True)
        # In an empty context: it works for others than the one whose asking began it.
        task = asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self) -> None:
        self._is_called = False
        batch, self._waiting = _next_batch(self._waiting)
        if self._waiting:
            self._call()
        if batch:
            await _answer_all(batch)


def _next_batch(waiting: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """Return whom to look up, all connections of a user together, and who goes on waiting."""
    users: set[Any] = set()
    batch: list[Waiting] = []
    others: list[Waiting] = []
    for one in waiting:
        key = one[0].user.pk
        if one[1].done():
            continue  # who asked has gone
        if len(batch) < MOST and (key in users or len(users) < BATCH):
            users.add(key)
            batch.append(one)
        else:
            others.append(one)
    return batch, others


async def _answer_all(batch: list[Waiting]) -> None:
    found: list[Identity | Exception]
    try:
        found = await in_database(rights.confirmed_all, [identity for identity, _ in batch])
    except Exception as error:
        found = [error] * len(batch)
    for (_, answer), one in zip(batch, found, strict=True):
        if answer.done():  # who asked has gone
            continue
        if isinstance(one, Exception) and not isinstance(one, EndsConnection):
            answer.set_exception(tellable(one))
        else:
            answer.set_result(one)


_confirmations: WeakKeyDictionary[asyncio.AbstractEventLoop, Confirmations] = WeakKeyDictionary()


async def confirm(identity: Identity) -> Identity | EndsConnection:
    """Do as `Confirmations.confirm`, with the look-ups of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _confirmations:
        _confirmations[loop] = Confirmations()
    return await _confirmations[loop].confirm(identity)
