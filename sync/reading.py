"""Reading the log: pages for a client that was away, and the tail for those who are here."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Collection
from typing import Any, Final

from sync.conf import conf
from sync.cursor import Position
from sync.filling import Sizes, rows_within
from sync.leading import Lead
from sync.locking import head
from sync.models import LogHead, SyncLog
from sync.moments import newest_at
from sync.newest import Scope, newest_entries
from sync.publishing import publish, publish_batch
from sync.rows import Entry, Rows

_sizes: Final = Sizes()
# The horizon with the entries, or after them: what was removed before is not among them.
_TAIL: Final = (
    f"SELECT sync_log.*, (SELECT horizon FROM sync_log_head WHERE id = {LogHead.SINGLETON})"
    " AS horizon FROM sync_log WHERE seq >= %s AND seq <= %s ORDER BY seq LIMIT %s"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """One catch-up answer.

    Applied in order to the state at the asked cursor it gives the state at `position` for every
    record whose newest entry lies before it. With `reset` the asked cursor could not be used: the
    page is the first of a snapshot, and the client replaces its store when `has_more` is false.
    """

    rows: Rows
    position: Position
    has_more: bool
    reset: bool = False

    @property
    def changes(self) -> list[Entry]:
        """The changes, each made anew for every call."""
        return [self.rows.entry(index) for index in range(len(self.rows))]


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
    scope = Scope.of(audiences, heard, tables)
    end = upto or publish()
    begin = _Begin(0, end.seq) if start is None else _begin(start, end)
    size = min(limit or conf().PAGE_LIMIT, conf().PAGE_LIMIT)
    if begin is not None:
        with contextlib.suppress(_LeadsNowhere):
            return _page(begin, end, scope, size)
    page = _page(_Begin(0, end.seq), end, scope, size)
    return dataclasses.replace(page, reset=True)


def tail(start: Position | None, limit: int) -> Tail:
    """Publish a batch of what is pending and return the new entries after `start`, for every
    audience.

    Unlike pages the tail is not compacted: live clients hear each change that changed something.
    A `start` of None gives just the position to start from.
    """
    end, waits = publish_batch(conf().DATABASE)
    is_published = not waits
    if start is None or start == end:
        return Tail([], end, end, is_published)
    if start.epoch != end.epoch or start.seq > end.seq:
        return Tail([], end, end, is_published, is_replaced=True)
    log = SyncLog.objects.using(conf().DATABASE)
    entries: list[Any] = list(log.raw(_TAIL, [start.seq, end.seq, limit + 2]))
    if start.seq < (entries[0].horizon if entries else _horizon()):
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


class _LeadsNowhere(Exception):
    """What a page was asked for has been removed meanwhile."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Begin:
    """The number to read after, and the one after which deletes have to be told; what the log must
    have, unless all is read, and `since` where it was asked for by time."""

    after: int
    floor: int
    lead: Lead | None = None
    since: datetime.datetime | None = None


def _begin(start: Position | datetime.datetime, end: Position) -> _Begin | None:
    """Return where to read from, or None where the log does not lead on from the start."""
    if not isinstance(start, Position):
        after = _number_before(start, end)
        return _Begin(after, after, Lead(after), start)
    if not _is_ours(start, end):
        return None
    witness = None if start.witness == end.seq else start.witness  # that one was compared just now
    return _Begin(start.seq, start.whole_up_to, Lead(start.whole_up_to, witness, start.tag))


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
    """Tell whether a position may belong to this log."""
    if start.epoch != end.epoch or max(start.witness, start.whole_up_to) > end.seq:
        return False
    return start.witness != end.seq or start.tag == end.tag


def _horizon() -> int:
    return head(conf().DATABASE).horizon


def _page(begin: _Begin, end: Position, scope: Scope, limit: int) -> Page:
    """Cut a page by number and size, but never before it leads beyond `since`: the client that
    asks by time asks again with the time of the page's last change.

    Not much more is fetched than such a page takes. Raises `_LeadsNowhere`: the last statement
    saw all that the former ones did, or says so.
    """
    rows, most = Rows(), limit + 2
    while True:
        asked = min(most - len(rows), _sizes.rows_for(conf().PAGE_BYTES, rows.data))
        after = rows.seqs[-1] if rows else begin.after
        more = _more(begin, scope, after, end.seq, asked)
        rows += more
        cut = _cut(rows, limit, begin.since)
        if cut is not None:
            _sizes.learn(rows.data)
            rows = rows.upto(_whole_transactions(rows, cut, begin.since))
            position = Position.between_pages(end, rows.entry(len(rows) - 1), begin.floor)
            return Page(rows.at_rest(), position, True)
        if len(more) < asked or len(rows) == most:
            return Page(rows.at_rest(), end, False)


def _more(begin: _Begin, scope: Scope, after: int, upto: int, limit: int) -> Rows:
    using, floor, lead = conf().DATABASE, begin.floor, begin.lead
    found = newest_entries(
        using, scope, after=after, upto=upto, floor=floor, limit=limit, lead=lead
    )
    if not found and lead is not None and not lead.holds(using):
        raise _LeadsNowhere
    return found


def _cut(rows: Rows, limit: int, since: datetime.datetime | None) -> int | None:
    """Return how many rows fill a page, or None where these do not, and another could follow."""
    full = min(limit, rows_within(conf().PAGE_BYTES, rows.data))
    for end in range(max(full, 1), len(rows)):
        if _leads_beyond(rows, end, since):
            return end
    return None


def _whole_transactions(rows: Rows, cut: int, since: datetime.datetime | None) -> int:
    """Return where to cut a page at a transaction's end; one that is larger than a page has to be
    split.

    Only the end is cut: an entry dropped from the middle would lie behind the page's position.
    """
    following, end = rows.transactions[cut], cut
    while end and rows.transactions[end - 1] == following:
        end -= 1
    return end if _leads_beyond(rows, end, since) else cut


def _leads_beyond(rows: Rows, end: int, since: datetime.datetime | None) -> bool:
    return end > 0 and (since is None or rows.published_at(end - 1) > since)
