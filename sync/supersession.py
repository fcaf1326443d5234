"""What a new entry does to the ones before it: what changed, who no longer hears the record."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, Protocol

from sync import codec
from sync.batches import Pending
from sync.conf import conf
from sync.events import event_name
from sync.holders import latest_entries
from sync.models import MOVED, REDACTED, SyncLog
from sync.registry import registry

_DELETE: Final = SyncLog.Action.DELETE
_UPDATE: Final = SyncLog.Action.UPDATE


class Holder(Protocol):
    """What must be known of an entry to compare the next one with it."""

    pk: Any
    action: Any
    data: Any
    audience: Any
    cause: Any
    latest: Any


@dataclasses.dataclass(slots=True)
class _Published:
    """An entry published earlier: a model instance would cost more than the comparison."""

    pk: int
    action: str
    data: str
    audience: str
    cause: str
    latest: bool = True


class Supersession:
    """The newest entries of some records, one per audience that ever held the record.

    Entries must be given in publishing order. Only valid under the head's lock.
    """

    def __init__(self, using: str, entries: Iterable[Pending]) -> None:
        self.superseded: list[int] = []
        """Ids of entries published earlier that are no longer the latest."""
        self.dropped: list[int] = []
        """Ids of entries whose save changed nothing and which the host does not want kept."""
        self._holders: defaultdict[tuple[str, str], dict[str, Holder]] = defaultdict(dict)
        self._load(using, entries)

    def follow(self, entry: Pending) -> SyncLog | None:
        """Fill in what the entry is, compared with what precedes it.

        Returns the `delete` entry for the audience the record has moved away from, to be
        numbered before the entry: a client of both audiences must end with the record.
        """
        holders = self._holders[entry.table, entry.record_id]
        if entry.cause == REDACTED and entry.action == _DELETE:
            return None  # of a record that is gone: clients have nothing to forget
        before = _newest(holders)
        changed = _changed(before, entry)
        entry.changed = None if changed is None else codec.to_json(changed)
        if changed == [] and before is not None and before.audience == entry.audience:
            # One that lost values to a redaction may have changed those.
            if entry.redacted is None and not keeps_unchanged(entry.table):
                self.dropped.append(entry.pk)
            return None
        entry.event = event_name(entry.table, entry.action, changed)
        moved = self._move_away(holders, before, entry)
        self._take_over(holders, entry)
        return moved

    def drops(self, entry: Pending) -> bool:
        """Tell whether the entry that was followed last is not kept."""
        return bool(self.dropped) and self.dropped[-1] == entry.pk

    def _move_away(
        self, holders: dict[str, Holder], before: Holder | None, entry: Pending
    ) -> SyncLog | None:
        if before is None or before.action == _DELETE or before.audience == entry.audience:
            return None
        moved = SyncLog(
            table=entry.table,
            record_id=entry.record_id,
            action=_DELETE,
            data="",
            audience=before.audience,
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
        if replaced is not None:
            replaced.latest = False
            if replaced.pk in self._loaded:
                self.superseded.append(replaced.pk)
        entry.latest = True
        holders[entry.audience] = entry

    def _load(self, using: str, entries: Iterable[Pending]) -> None:
        records = {(entry.table, entry.record_id) for entry in entries}
        columns = ("id", "action", "data", "audience", "cause")
        for table, record_id, *values in latest_entries(using, records, columns):
            holder = _Published(*values)
            self._holders[table, record_id][holder.audience] = holder
        holders = self._holders.values()
        self._loaded = frozenset(row.pk for by_audience in holders for row in by_audience.values())


def keeps_unchanged(table: str) -> bool:
    """Tell whether saves that changed nothing stay in the history of a table."""
    registration = registry.find(table)
    asked = None if registration is None else registration.keep_unchanged
    return conf().KEEP_UNCHANGED if asked is None else asked


def _newest(holders: dict[str, Holder]) -> Holder | None:
    """Return the record's newest entry of its own; dictionaries keep the order of publishing."""
    own = [entry for entry in holders.values() if entry.cause != MOVED]
    return own[-1] if own else None


def _changed(before: Holder | None, entry: Pending) -> list[str] | None:
    if before is None or entry.action != _UPDATE or before.action == _DELETE:
        return None
    if entry.cause == REDACTED:  # heard in any case, though the entry before was blanked as well
        return list(codec.from_json(entry.redacted or "[]"))
    return codec.changed_fields(before.data, entry.data)
