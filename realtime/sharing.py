"""Pages that several clients ask for: read once, and kept for a moment.

After a restart all clients ask for the same few pages. Whoever gets one has its own rights looked
up afterwards, as if it had been read for it alone: what was committed after the reading is not in
it, and what the reader lost before that is found.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
from collections import OrderedDict
from weakref import WeakKeyDictionary

from realtime.composing import PageText, composed
from realtime.conf import conf
from realtime.database import in_database
from realtime.gate import catchup_gate
from realtime.narrowing import Narrowing
from realtime.requests import Start
from sync.cursor import Position
from sync.reading import changes_since


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """All that decides what a page holds; who asks for the same gets the same.

    `upto` is the place in the log up to which the reader was served: what was committed before a
    client asked lies below its `upto`, so no page from before is an answer to it.
    """

    start: Start
    audiences: frozenset[str]
    heard: frozenset[str]
    tables: frozenset[str] | None
    limit: int | None
    upto: Position
    with_cursor: bool


class _Reading:
    """A page that is being read, and for how many."""

    def __init__(self, task: asyncio.Task[PageText]) -> None:
        self.task = task
        self.readers = 0


class SharedPages:
    """The pages of one event loop that are being read, and those that were read just before."""

    def __init__(self) -> None:
        self._readings: dict[Asked, _Reading] = {}
        self._kept: OrderedDict[Asked, PageText] = OrderedDict()
        self._narrowing = Narrowing()
        self.kept_bytes = 0
        """What the kept pages take in memory."""

    @property
    def readers(self) -> int:
        """How many wait for pages that are being read."""
        return sum(reading.readers for reading in self._readings.values())

    async def read(self, asked: Asked) -> PageText:
        """Return the page, read for this caller or for others who asked for the same.

        A reading goes on for as long as anybody waits for it; its error is everybody's who does.
        """
        kept = self._kept.get(asked)
        if kept is not None:
            return kept
        narrowed = await self._narrowing.narrowed(asked, len(self._readings))
        page = await self._read(narrowed)
        # What has no news belongs to the whole nevertheless.
        return await self._read(asked) if page.reset and narrowed != asked else page

    async def _read(self, asked: Asked) -> PageText:
        kept = self._kept.get(asked)
        if kept is not None:
            return kept
        reading = self._readings.get(asked) or self._begin(asked)
        reading.readers += 1
        try:
            await asyncio.wait([reading.task])
        finally:
            reading.readers -= 1
            if not reading.readers and not reading.task.done():
                del self._readings[asked]
                reading.task.cancel()
        return reading.task.result()

    def _begin(self, asked: Asked) -> _Reading:
        work = functools.partial(in_database, page_text, asked)
        # In an empty context: it goes on when the one who began it has gone.
        task = asyncio.get_running_loop().create_task(
            catchup_gate().run(work), context=contextvars.Context()
        )
        task.add_done_callback(functools.partial(self._ended, asked))
        reading = self._readings[asked] = _Reading(task)
        return reading

    def _ended(self, asked: Asked, task: asyncio.Task[PageText]) -> None:
        if task.cancelled():  # and forgotten before: there may be another one by now
            return
        del self._readings[asked]
        if task.exception() is None:
            self._keep(asked, task.result())

    def _keep(self, asked: Asked, page: PageText) -> None:
        if not conf().SHARED_PAGES_BYTES or not conf().SHARED_PAGES_TIME:
            return
        self._kept[asked] = page
        self.kept_bytes += page.memory
        while self.kept_bytes > conf().SHARED_PAGES_BYTES:
            self._forget(next(iter(self._kept)))
        loop = asyncio.get_running_loop()
        loop.call_later(conf().SHARED_PAGES_TIME, self._forget, asked)

    def _forget(self, asked: Asked) -> None:
        page = self._kept.pop(asked, None)
        if page is not None:
            self.kept_bytes -= page.memory


def page_text(asked: Asked) -> PageText:
    """Read a page and compose its text, on a database thread."""
    page = changes_since(
        asked.start,
        asked.audiences,
        limit=asked.limit,
        tables=asked.tables,
        upto=asked.upto,
        heard=asked.heard,
    )
    return composed(page, with_cursor=asked.with_cursor)


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedPages] = WeakKeyDictionary()


def shared_pages() -> SharedPages:
    """Return the pages of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _shared:
        _shared[loop] = SharedPages()
    return _shared[loop]
