"""Pages of the log as messages, composed from the texts that the log stores: none of them is
parsed, and no object is made of an entry."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection
from json.encoder import encode_basestring as quoted
from typing import Final

from msgspec import UNSET

from realtime.encoding import timestamp
from realtime.frames import Frame
from realtime.messages import SyncResponse, encode, given
from sync.cursor import Position
from sync.models import SyncLog
from sync.reading import Page
from sync.rows import Kind, Rows

_NO_CHANGES: Final = '"changes":['


@dataclasses.dataclass(frozen=True)
class PageText:
    """A page for any number of clients: `changes` is the text of all of them.

    `reset` has the client replace what it holds.
    """

    changes: str
    count: int
    position: Position
    has_more: bool
    reset: bool
    with_cursor: bool
    _frames: dict[tuple[bool, tuple[str, ...] | None], Frame] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def memory(self) -> int:
        """Bytes it takes at most: its text, and a message of it as text and as bytes."""
        return 3 * sys.getsizeof(self.changes)

    def answer(self, request_id: str | int | None) -> Frame:
        """Return the page as the answer to a request."""
        return Frame(self._message(None, request_id))

    def frame(self, audiences: Collection[str] | None = None) -> Frame:
        """Return the page as a message that nobody asked for, the same one for all who get it;
        `audiences` says of whom alone it is."""
        names = None if audiences is None else tuple(sorted(audiences))
        found = self._frames.get((self.reset, names))
        if found is None:
            found = self._frames[self.reset, names] = Frame(self._message(names, None))
        return found

    def _message(self, audiences: tuple[str, ...] | None, request_id: str | int | None) -> str:
        around = SyncResponse(
            changes=[],
            sync_timestamp=timestamp(self.position.published_at),
            cursor=self.position.cursor if self.with_cursor else UNSET,
            has_more=self.has_more,
            reset=self.reset or UNSET,
            audiences=UNSET if audiences is None else list(audiences),
            id=given(request_id),
        )
        before, after = encode(around).split(_NO_CHANGES, 1)
        return "".join((before, _NO_CHANGES, self.changes, after))


def composed(page: Page, *, with_cursor: bool = True) -> PageText:
    """Return a page as text; without cursors, where they would promise what the client has not."""
    epoch = page.position.epoch if with_cursor else None
    return PageText(
        changes=",".join(_changes(page.rows, epoch)),
        count=len(page.rows),
        position=page.position,
        has_more=page.has_more,
        reset=page.reset,
        with_cursor=with_cursor,
    )


def _changes(rows: Rows, epoch: str | None) -> list[str]:
    """Return each entry as a client sees it, as `realtime.encoding.change` says."""
    kinds = list(map(id, rows.kinds))  # equal ones are mostly the same, and take long to hash
    begins = {key: _begin(kind) for key, kind in dict(zip(kinds, rows.kinds, strict=True)).items()}
    columns = zip(
        map(begins.__getitem__, kinds),
        map(quoted, rows.record_ids),
        rows.data,
        rows.published,
        rows.transactions,
        rows.seqs,
        strict=True,
    )
    if epoch is None:
        return [
            f'{begin}{record_id}{_DATA if data else ""}{data},"timestamp":"{published}"'
            f',"transaction":"{transaction}"}}'
            for begin, record_id, data, published, transaction, _ in columns
        ]
    return [
        f'{begin}{record_id}{_DATA if data else ""}{data},"timestamp":"{published}"'
        f',"transaction":"{transaction}","cursor":"{epoch}-{seq}-{transaction[-8:]}"}}'
        for begin, record_id, data, published, transaction, seq in columns
    ]


_DATA: Final = ',"data":'


def _begin(kind: Kind) -> str:
    """Return what entries of a kind begin with, up to the value of `recordId`.

    To those who did not have the record before, it is new: what it was to others they may not see.
    """
    is_new = kind.is_new_to_audience
    action = SyncLog.Action.INSERT.value if is_new else kind.action
    parts = [f'{{"table":{quoted(kind.table)},"action":"{action}"']
    if kind.changed and not is_new:
        parts.append(f'"changed":{kind.changed}')
    parts.append(f'"audience":{quoted(kind.audience)}')
    if kind.client_id:
        parts.append(f'"origin":{quoted(kind.client_id)}')
    if kind.cause:
        parts.append(f'"cause":{quoted(kind.cause)}')
    return ",".join([*parts, '"recordId":'])
