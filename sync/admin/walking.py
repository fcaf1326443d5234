"""The pages of what a search finds, one after the other in the order of the log."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection

from sync.admin.bounded import NEWEST_FIRST, OLDEST_FIRST, Bounded, Span
from sync.admin.searching import Search
from sync.conf import conf
from sync.models import SyncLog


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some of the entries that a search finds, newest first."""

    entries: list[SyncLog]
    has_more: bool
    """Whether more were found in the direction of reading."""
    unseen: int | None = None
    """The number of the first entry that was not looked at, where that was too much: reading goes
    on with it."""
    unseen_since: datetime.datetime | None = None
    """When that entry was published."""


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """How many entries a search finds: all, or at least so many."""

    number: int
    is_all: bool
    is_capped: bool = False
    """Whether counting ended at its limit."""


class Walk:
    """A search, ready to be read page by page."""

    def __init__(self, search: Search, visible_tables: Collection[str], last: int) -> None:
        """Find the place of the search's times; `last` is where the log ends."""
        self.bounded = Bounded(search, visible_tables)
        self.span = Span(0, last).within(*search.bounds(last))

    def older(self, before: int | None = None) -> Page:
        """Return the newest page, or the one that is next older than a number."""
        upto = None if before is None else before - 1
        return self._page(self.span.within(None, upto), NEWEST_FIRST)

    def newer(self, after: int) -> Page:
        """Return the page that is next newer than a number."""
        return self._page(self.span.within(after, None), OLDEST_FIRST)

    def since(self, after: int) -> Page:
        """Return the newest page of what is newer than a number."""
        return self._page(self.span.within(after, None), NEWEST_FIRST)

    def count(self, newest: Page) -> Count:
        """Return how many entries there are, as far as may be looked; `newest` is the first page,
        which may hold all of them."""
        if not newest.has_more:
            return Count(len(newest.entries), is_all=newest.unseen is None)
        limit = conf().HISTORY_COUNT_ROWS
        number = self.bounded.count(self.span, limit + 1)
        if number > limit:
            return Count(limit, is_all=False, is_capped=True)
        return Count(number, is_all=self.bounded.unseen(self.span) is None)

    def _page(self, span: Span, order: str) -> Page:
        limit = conf().HISTORY_PAGE
        numbers = self.bounded.numbers(span, limit + 1, order)
        if len(numbers) > limit:
            return Page(self._entries(numbers[:limit]), has_more=True)
        unseen = self.bounded.unseen(span, order)
        if unseen is None:
            return Page(self._entries(numbers), has_more=False)
        # What one index has beyond the place where looking into another ended has to wait.
        is_older = order == NEWEST_FIRST
        seen = [n for n in numbers if (n > unseen if is_older else n < unseen)]
        log = self.bounded.log.filter(seq=unseen)
        since = log.values_list("published_at", flat=True).first()
        return Page(self._entries(seen), has_more=False, unseen=unseen, unseen_since=since)

    def _entries(self, numbers: list[int]) -> list[SyncLog]:
        if not numbers:
            return []
        return list(self.bounded.matching.filter(seq__in=numbers).order_by("-seq"))
