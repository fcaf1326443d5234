"""Reading the log: pages for a client that was away, and the tail for those who are here."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection
from typing import Final

from django.db.models import Exists, OuterRef, Q

from sync.conf import conf
from sync.cursor import Position
from sync.locking import head
from sync.models import SyncLog, SyncLogQuerySet
from sync.moments import newest_at
from sync.publishing import publish, publish_batch

ENTRY_OVERHEAD: Final = 400
"""Bytes that a change takes on the wire besides its data, for the size limit of pages."""


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """One catch-up answer.

    Applied in order to the state at the asked cursor it gives the state at `position` for every
    record whose newest entry lies before it. With `reset` the asked cursor could not be used: the
    page is the first of a snapshot, and the client replaces its store when `has_more` is false.
    """

    changes: list[SyncLog]
    position: Position
    has_more: bool
    reset: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Tail:
    """What was published after a position, change by change; nothing where the log that position
    belongs to has been replaced, or was pruned beyond it. `end` is the end of the log, and
    `is_published` says that nothing waited for a number any more."""

    entries: list[SyncLog]
    position: Position
    end: Position
    is_published: bool = True
    is_replaced: bool = False

    @property
    def has_more(self) -> bool:
        """Whether another look would find something at once."""
        return not self.is_published or self.position != self.end


def changes_since(
    start: Position | datetime.datetime | None,
    audiences: Collection[str],
    *,
    limit: int | None = None,
    tables: Collection[str] | None = None,
    upto: Position | None = None,
    heard: Collection[str] | None = None,
) -> Page:
    """Return the next page of the newest entries per record, in the order of the log.

    `start` is a position, a point in time (every change published at or after it) or None for a
    snapshot. `upto` ends the pages at a position instead of at the end of the log, which is then
    not published anew. A page never splits a transaction unless that alone exceeds a page.

    `heard` are all the audiences whose records the client holds, where `audiences` are a part of
    them: a record that another of these has is not taken away from it.
    """
    scope = _Scope.of(audiences, heard, tables)
    end = upto or publish()
    begin = _Begin(0, end.seq) if start is None else _begin(start, end)
    size = min(limit or conf().PAGE_LIMIT, conf().PAGE_LIMIT)
    if begin is not None:
        page = _page(_entries(begin, end, scope), end, size, begin)
        # Only now: what was removed while the page was read is missing from it.
        if start is None or begin.floor >= _horizon():
            return page
    begin = _Begin(0, end.seq)
    page = _page(_entries(begin, end, scope), end, size, begin)
    return dataclasses.replace(page, reset=True)


def tail(start: Position | None, limit: int) -> Tail:
    """Publish a batch of what is pending and return the new entries after `start`, for every
    audience.

    Unlike pages the tail is not compacted: live clients hear each change that changed something.
    A `start` of None gives just the position to start from.
    """
    is_published = not publish_batch(conf().DATABASE)
    end = Position.of_head(head(conf().DATABASE))
    if start is None or start == end:
        return Tail([], end, end, is_published)
    if start.epoch != end.epoch or start.seq > end.seq:
        return Tail([], end, end, is_published, is_replaced=True)
    found = SyncLog.objects.using(conf().DATABASE).filter(seq__gte=start.seq, seq__lte=end.seq)
    entries = list(found.order_by("seq")[: limit + 2])
    if start.seq < _horizon():  # looked up after the entries: what was removed is not among them
        return Tail([], end, end, is_published, is_replaced=True)
    if entries and entries[0].seq == start.seq:
        first = entries.pop(0)
        if Position.of_entry(start.epoch, first).tag != start.tag:
            return Tail([], end, end, is_published, is_replaced=True)
    is_cut = len(entries) > limit
    entries = entries[:limit]
    reached = Position.of_entry(end.epoch, entries[-1]) if is_cut else end
    news = [entry for entry in entries if not entry.is_unchanged]
    return Tail(news, reached, end, is_published)


@dataclasses.dataclass(frozen=True, slots=True)
class _Begin:
    """The number to read after, and the one after which deletes have to be told; `since` where it
    was asked for by time."""

    after: int
    floor: int
    since: datetime.datetime | None = None


def _begin(start: Position | datetime.datetime, end: Position) -> _Begin | None:
    """Return where to read from, or None where the log does not lead on from the start."""
    if isinstance(start, Position):
        return _Begin(start.seq, start.whole_up_to) if _is_ours(start, end) else None
    after = _number_before(start, end)
    return _Begin(after, after, start)


def _number_before(start: datetime.datetime, end: Position) -> int:
    """Return the highest number that is known to have been published before a time.

    Known from an entry that is still there: when the horizon was published is not.
    """
    newest_of_all = head(conf().DATABASE)
    if start > newest_of_all.published_at:
        return end.seq
    newest = newest_at(conf().DATABASE, start, newest_of_all.seq)
    return 0 if newest is None else newest.seq - newest.is_exact


def _is_ours(start: Position, end: Position) -> bool:
    """Tell whether a position belongs to this log, as far as its entries tell."""
    if start.epoch != end.epoch or max(start.witness, start.whole_up_to) > end.seq:
        return False
    if start.witness == end.seq:
        return start.tag == end.tag
    log = SyncLog.objects.using(conf().DATABASE)
    # All that a position takes: what is left out is looked up later, when a prune may have come.
    entry = log.filter(seq=start.witness).only("seq", "transaction", "published_at").first()
    return entry is None or Position.of_entry(start.epoch, entry).tag == start.tag


def _horizon() -> int:
    return head(conf().DATABASE).horizon


@dataclasses.dataclass(frozen=True, slots=True)
class _Scope:
    """Which audiences and tables are asked for, and which others the client holds."""

    asked: list[str]
    others: list[str]
    tables: list[str] | None

    @classmethod
    def of(
        cls,
        asked: Collection[str],
        heard: Collection[str] | None,
        tables: Collection[str] | None,
    ) -> _Scope:
        others = sorted(set(heard or ()) - set(asked))
        return cls(sorted(set(asked)), others, None if tables is None else sorted(set(tables)))


def _entries(begin: _Begin, end: Position, scope: _Scope) -> SyncLogQuerySet:
    """Return the newest entry of each record and audience; a delete is left out where the client
    has the record by another audience already, for it would take that away."""
    latest = SyncLog.objects.using(conf().DATABASE).filter(latest=True, seq__lte=end.seq)
    found = latest.filter(audience__in=scope.asked, seq__gt=begin.after)
    if scope.others:
        later = latest.exclude(action=SyncLog.Action.DELETE).filter(
            audience__in=scope.others,
            table=OuterRef("table"),
            record_id=OuterRef("record_id"),
            seq__gt=OuterRef("seq"),
        )
        found = found.filter(~Q(action=SyncLog.Action.DELETE) | ~Exists(later))
    if begin.floor > begin.after:
        found = found.exclude(action=SyncLog.Action.DELETE, seq__lte=begin.floor)
    return found if scope.tables is None else found.filter(table__in=scope.tables)


def _page(entries: SyncLogQuerySet, end: Position, limit: int, begin: _Begin) -> Page:
    """Cut a page by number and size, but never before it leads beyond `since`: the client that
    asks by time asks again with the time of the page's last change."""
    rows: list[SyncLog] = []
    size = 0
    for row in entries.order_by("seq")[: limit + 2]:
        size += len(row.data.encode()) + ENTRY_OVERHEAD
        is_full = len(rows) >= limit or size > conf().PAGE_BYTES
        if is_full and _leads_beyond(rows, begin.since):
            rows = _whole_transactions(rows, row, begin.since)
            position = Position.between_pages(end, rows[-1], begin.floor)
            return Page(_at_rest(rows), position, True)
        rows.append(row)
    return Page(_at_rest(rows), end, False)


def _at_rest(rows: list[SyncLog]) -> list[SyncLog]:
    """Leave out the delete of a record where the page itself has what became of it.

    A later page would not do: by then its audience may have been lost.
    """
    newest = {(row.table, row.record_id): row.seq for row in rows}
    return [
        row
        for row in rows
        if row.action != SyncLog.Action.DELETE or newest[row.table, row.record_id] == row.seq
    ]


def _whole_transactions(
    rows: list[SyncLog], following: SyncLog, since: datetime.datetime | None
) -> list[SyncLog]:
    """Cut the page at a transaction's end; one that is larger than a page has to be split.

    Only the end is cut: an entry dropped from the middle would lie behind the page's position.
    """
    end = len(rows)
    while end and rows[end - 1].transaction == following.transaction:
        end -= 1
    whole = rows[:end]
    return whole if _leads_beyond(whole, since) else rows


def _leads_beyond(rows: list[SyncLog], since: datetime.datetime | None) -> bool:
    if not rows:
        return False
    last = rows[-1].published_at
    return since is None or (last is not None and last > since)
