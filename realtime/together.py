"""Questions of many connections, answered by one call.

When everybody comes at once, a query for each would keep the database threads busy with what one
query can say. What is asked while a call runs waits for the next, so nobody waits for company, and
the more ask, the more are answered at once.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from realtime.answers import answers
from realtime.conf import conf
from realtime.database import in_database, tellable
from realtime.errors import Gone

Q = TypeVar("Q")
A = TypeVar("A")

MOST: Final = 100
"""Questions that one call answers."""

LONG: Final = 0.25
"""Seconds after which a call counts as long: fewer are asked at once then, for all of them wait
for the last one's answer."""


async def together(
    function: Callable[[list[Q]], list[A | Exception]],
    question: Q,
    is_wanted: Callable[[], bool] = lambda: True,
) -> A:
    """Return or raise what a function of many questions answers to this one, on a hub's thread.

    Raises `Gone` where the answer is not wanted any more when its turn comes: a client that gave up
    and comes again must not be looked up for each time.

    Where the function fails for all, they are answered as `realtime.answers` says.
    """
    loop = asyncio.get_running_loop()
    gatherings = _gatherings.setdefault(loop, {})
    gathering = gatherings.get(function)
    if gathering is None:
        gathering = gatherings[function] = Gathering(function, lambda: gatherings.pop(function))
    answer: A = await gathering.ask(question, is_wanted)
    return answer


class Gathering(Generic[Q, A]):
    """The questions to one function that wait or are being answered. Used on one event loop."""

    def __init__(
        self, function: Callable[[list[Q]], list[A | Exception]], on_idle: Callable[[], object]
    ) -> None:
        self.most = MOST
        self._function = function
        self._on_idle = on_idle
        self._waiting: deque[tuple[Q, asyncio.Future[A], Callable[[], bool]]] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q, is_wanted: Callable[[], bool] = lambda: True) -> A:
        """Return or raise the answer; who is cancelled is not asked for any more."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, future, is_wanted))
        self._call()
        return await future

    def _call(self) -> None:
        # Half of the threads: no kind of question keeps all others waiting.
        if len(self._calls) >= max(1, conf().DATABASE_THREADS // 2):
            return
        loop = asyncio.get_running_loop()
        # In an empty context: it goes on when the connection that began it has ended.
        call = loop.create_task(self._answer(), context=contextvars.Context())
        self._calls.add(call)
        call.add_done_callback(self._ended)

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while asked := self._next():
            began = loop.time()
            questions = [question for question, _ in asked]
            try:
                found = await in_database(answers, self._function, questions)
            except BaseException as error:
                _give(asked, [error] * len(asked))
                raise
            _give(asked, found)
            is_long = loop.time() - began > LONG
            self.most = max(1, len(asked) // 2) if is_long else min(MOST, self.most * 2)

    def _next(self) -> list[tuple[Q, asyncio.Future[A]]]:
        asked: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(asked) < self.most:
            question, future, is_wanted = self._waiting.popleft()
            if future.done():
                continue
            if is_wanted():
                asked.append((question, future))
            else:
                future.set_exception(Gone("The client has gone."))
        return asked

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # whoever asked has been told
        if self._waiting:  # asked when the call had found nothing more, and not ended yet
            self._call()
        elif not self._calls:
            self._on_idle()


_gatherings: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, Gathering[Any, Any]]] = (
    WeakKeyDictionary()
)


def _give(asked: list[tuple[Any, asyncio.Future[Any]]], answers: list[Any]) -> None:
    for (_, future), answer in zip(asked, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(tellable(answer))
        elif isinstance(answer, BaseException):
            future.cancel()
        else:
            future.set_result(answer)
