"""Positions in the log, and the opaque text a client keeps of one."""

from __future__ import annotations

import dataclasses
import datetime
import re
import uuid
from typing import TYPE_CHECKING, Final

from sync.errors import InvalidCursor, InvalidSince

if TYPE_CHECKING:
    from sync.models import LogHead, SyncLog
    from sync.rows import Entry

_NUMBER: Final = "(0|[1-9][0-9]{0,17})"
_CURSOR: Final = re.compile(
    rf"([0-9a-f]{{8}})-{_NUMBER}-([0-9a-f]{{8}})(?:-{_NUMBER}(?:-{_NUMBER})?)?", re.ASCII
)
_NO_TAG: Final = "00000000"


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """A place in one epoch's order: everything up to `seq` lies behind it.

    `tag` is taken from the transaction that ended there, so that a log restored from a backup
    and written on from there is told from the log the cursor came from. `published_at` is None
    for a position that came back from a client.

    A position between two pages has two more numbers. `seen` is where the log ended when the page
    was read, and `tag` is then that place's: the page left out what later entries supersede, so
    the log must still have those. `floor` is where the log ended when a snapshot began: it holds
    no record that was deleted up to there, so it need not hear of those deletes. None where `seq`
    says the same.
    """

    epoch: str
    seq: int
    tag: str = _NO_TAG
    published_at: datetime.datetime | None = None
    seen: int | None = None
    floor: int | None = None

    @property
    def cursor(self) -> str:
        """The text that a client sends back; opaque to it."""
        numbers = [number for number in (self.seen, self.floor) if number is not None]
        return "-".join(map(str, (self.epoch, self.seq, self.tag, *numbers)))

    @property
    def witness(self) -> int:
        """The number of the entry that `tag` is taken from."""
        return self.seq if self.seen is None else self.seen

    @property
    def whole_up_to(self) -> int:
        """The number up to which no delete is missing: what must not lie below the horizon."""
        return self.seq if self.floor is None else max(self.seq, self.floor)

    @classmethod
    def of_head(cls, head: LogHead) -> Position:
        """Return the position at the end of the log."""
        return cls(head.epoch, head.seq, _tag(head.transaction), head.published_at)

    @classmethod
    def of_entry(cls, epoch: str, entry: SyncLog | Entry) -> Position:
        """Return the position right behind a published entry."""
        assert entry.seq is not None, "only a published entry has a position"
        return cls(epoch, entry.seq, _tag(entry.transaction), entry.published_at)

    @classmethod
    def between_pages(cls, end: Position, entry: SyncLog | Entry, floor: int) -> Position:
        """Return the position behind a page's last entry, where more follows up to `end`.

        `floor` is where the deletes begin that the pages to come have to tell.
        """
        position = cls.of_entry(end.epoch, entry)
        return dataclasses.replace(
            position, tag=end.tag, seen=end.seq, floor=floor if floor > position.seq else None
        )

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Return the position a cursor names, or raise `InvalidCursor`."""
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise InvalidCursor(cursor)
        seen, floor = (None if number is None else int(number) for number in match.groups()[3:])
        return cls(match[1], int(match[2]), match[3], seen=seen, floor=floor)


def parse_since(since: object) -> datetime.datetime:
    """Return the point in time of an ISO 8601 text, UTC where it names no zone, or raise
    `InvalidSince`."""
    if not isinstance(since, str):
        raise InvalidSince(since)
    try:
        parsed = datetime.datetime.fromisoformat(since.strip())
        zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
        return zoned.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise InvalidSince(since) from None


def _tag(transaction: uuid.UUID | None) -> str:
    return _NO_TAG if transaction is None else transaction.hex[-8:]
