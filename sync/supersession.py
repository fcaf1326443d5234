"""What a new entry does to the ones before it: what changed, who no longer hears the record."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from sync import codec
from sync.batches import Pending
from sync.conf import conf
from sync.events import event_name
from sync.holders import latest_entries
from sync.models import ARRIVED, MOVED, REDACTED, SyncLog
from sync.outcomes import Outcomes
from sync.registry import registry
from sync.spool import Row

HELD: Final = ("seq", "action", "data", "audience", "cause")
"""What is read of an entry that precedes another."""

_DELETE: Final = SyncLog.Action.DELETE
_UPDATE: Final = SyncLog.Action.UPDATE


class Holder(Protocol):
    """What must be known of an entry to compare the next one with it."""

    seq: Any
    action: Any
    data: Any
    audience: Any
    cause: Any


@dataclasses.dataclass(slots=True)
class _Published:
    """An entry published earlier, as `HELD`: a model instance would cost more than the
    comparison."""

    seq: int
    action: str
    data: str
    audience: str
    cause: str


class Supersession:
    """The newest entries of some records, one per audience that ever held the record.

    Entries must be given in publishing order, and what they supersede where it has been read
    already. Only valid under the head's lock.
    """

    def __init__(
        self,
        using: str,
        entries: Sequence[Pending],
        outcomes: Outcomes,
        holders: Iterable[Row] | None = None,
    ) -> None:
        self.superseded: list[int] = []
        """Numbers of entries published earlier that are no longer the newest."""
        self.dropped: list[int] = []
        """Ids of entries whose save changed nothing and which the host does not want kept."""
        self._holders: defaultdict[tuple[str, str], dict[str, Holder]] = defaultdict(dict)
        self._passed: dict[tuple[UUID, str, str], Pending] = {}
        self._outcomes = outcomes
        self._outcomes.look_at(entries)
        self._load(_held(using, entries) if holders is None else holders)

    def follow(self, entry: Pending) -> SyncLog | None:
        """Fill in what the entry is, compared with what precedes it.

        Returns the `delete` entry for the audience the record has moved away from, to be
        numbered before the entry: a client of both audiences must end with the record.
        """
        if entry.cause == REDACTED and entry.action == _DELETE:
            return None  # of a record that is gone: clients have nothing to forget
        holders = self._holders[entry.table, entry.record_id]
        held = _living(holders)
        moves = self._outcomes.moves(entry, None if held is None else held.audience)
        if moves and not self._outcomes.is_last(entry):
            self._pass(entry, held)
            return None
        stays = held is not None and held.audience == entry.audience
        changed = _changed(held, entry)
        if moves and stays and changed is not None:
            changed = sorted({*changed, *self._outcomes.forgotten(entry)})
        entry.changed = None if changed is None else codec.to_json(changed)
        if changed == [] and stays:
            if not moves:  # else the history would end with where the record only was meanwhile
                self._drop(entry)
            return None
        is_new = moves and held is None
        return self._tell(holders, None if stays else held, entry, changed, is_new=is_new)

    def newest(self) -> list[Pending | SyncLog]:
        """Return the entries that have become the newest of their record in their audience."""
        holders = self._holders.values()
        held = [holder for by_audience in holders for holder in by_audience.values()]
        return [one for one in held if isinstance(one, Pending | SyncLog)]

    def drops(self, entry: Pending) -> bool:
        """Tell whether the entry that was followed last is not kept."""
        return bool(self.dropped) and self.dropped[-1] == entry.pk

    def _pass(self, entry: Pending, held: Holder | None) -> None:
        """Leave an entry to the history, compared with the one before it: no commit ever showed
        what it says."""
        key = entry.transaction, entry.table, entry.record_id
        previous = self._passed.get(key, held)
        changed = _changed(previous, entry)
        entry.changed = None if changed is None else codec.to_json(changed)
        if changed == [] and previous is not None and previous.audience == entry.audience:
            self._drop(entry)
            return
        self._outcomes.forget(entry)
        self._passed[key] = entry

    def _drop(self, entry: Pending) -> None:
        """Drop a save that changed nothing, but for one that lost values to a redaction: it may
        have changed those."""
        if entry.redacted is None and not keeps_unchanged(entry.table):
            self.dropped.append(entry.pk)

    def _tell(
        self,
        holders: dict[str, Holder],
        left: Holder | None,
        entry: Pending,
        changed: list[str] | None,
        *,
        is_new: bool,
    ) -> SyncLog | None:
        """Make the entry one that is heard, and the one that says to those it `left` that the
        record is gone.

        A delete is not heard by those who never held the record: it would tell them what it was.
        """
        moved = None if left is None else self._move_away(holders, left, entry)
        if entry.action == _DELETE and (is_new or left is not None):
            return moved
        entry.event = event_name(entry.table, entry.action, changed)
        if left is not None:
            _arrive(entry)
        self._take_over(holders, entry)
        return moved

    def _move_away(self, holders: dict[str, Holder], left: Holder, entry: Pending) -> SyncLog:
        moved = SyncLog(
            table=entry.table,
            record_id=entry.record_id,
            action=_DELETE,
            data="",
            audience=left.audience,
            cause=MOVED,
            event=event_name(entry.table, _DELETE, None),
            transaction=entry.transaction,
            actor_id=entry.actor_id,
            actor=entry.actor,
            source=entry.source,
            client_id=entry.client_id,
            request_id=entry.request_id,
            reason=entry.reason,
            recorded_at=entry.recorded_at,
        )
        self._take_over(holders, moved)
        return moved

    def _take_over(self, holders: dict[str, Holder], entry: Holder) -> None:
        replaced = holders.pop(entry.audience, None)
        if isinstance(replaced, _Published):
            self.superseded.append(replaced.seq)
        holders[entry.audience] = entry

    def _load(self, holders: Iterable[Row]) -> None:
        for table, record_id, *values in holders:
            holder = _Published(*values)
            self._holders[table, record_id][holder.audience] = holder


def _held(using: str, entries: Iterable[Pending]) -> Iterator[Row]:
    records = {(entry.table, entry.record_id) for entry in entries}
    return latest_entries(using, records, HELD)


def keeps_unchanged(table: str) -> bool:
    """Tell whether saves that changed nothing stay in the history of a table."""
    registration = registry.find(table)
    asked = None if registration is None else registration.keep_unchanged
    return conf().KEEP_UNCHANGED if asked is None else asked


def _living(holders: dict[str, Holder]) -> Holder | None:
    """Return the record's newest entry, unless that is a delete; dictionaries keep the order of
    publishing."""
    own = [entry for entry in holders.values() if entry.cause != MOVED]
    return own[-1] if own and own[-1].action != _DELETE else None


def _arrive(entry: Pending) -> None:
    """Mark an entry that gives its audience a record which others held before."""
    if entry.cause == REDACTED:
        entry.changed = None  # to this audience nothing precedes it, nor is there to forget
    elif entry.action == _UPDATE:
        entry.cause = ARRIVED


def _changed(before: Holder | None, entry: Pending) -> list[str] | None:
    if before is None or entry.action != _UPDATE or before.action == _DELETE:
        return None
    if entry.cause == REDACTED:  # heard in any case, though the entry before was blanked as well
        return list(codec.from_json(entry.redacted or "[]"))
    return codec.changed_fields(before.data, entry.data)
