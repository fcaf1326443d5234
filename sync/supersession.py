"""What a new entry does to the ones before it: what changed, who no longer hears the record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sync import codec
from sync.events import event_name
from sync.models import MOVED, REDACTED, SyncLog

_DELETE: Final = SyncLog.Action.DELETE
_UPDATE: Final = SyncLog.Action.UPDATE

_NEEDED: Final = ("id", "seq", "table", "record_id", "action", "data", "audience", "cause")


class Supersession:
    """The newest entries of some records, one per audience that ever held the record.

    Entries must be given in publishing order. Only valid under the head's lock.
    """

    def __init__(self, using: str, entries: Iterable[SyncLog]) -> None:
        self.superseded: list[int] = []
        """Ids of entries published earlier that are no longer the latest."""
        self._holders: defaultdict[tuple[str, str], dict[str, SyncLog]] = defaultdict(dict)
        self._load(using, entries)

    def follow(self, entry: SyncLog) -> SyncLog | None:
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
            return None
        entry.event = event_name(entry.table, entry.action, changed)
        moved = self._move_away(holders, before, entry)
        self._take_over(holders, entry)
        return moved

    def _move_away(
        self, holders: dict[str, SyncLog], before: SyncLog | None, entry: SyncLog
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

    def _take_over(self, holders: dict[str, SyncLog], entry: SyncLog) -> None:
        replaced = holders.pop(entry.audience, None)
        if replaced is not None:
            replaced.latest = False
            if replaced.pk in self._loaded:
                self.superseded.append(replaced.pk)
        entry.latest = True
        holders[entry.audience] = entry

    def _load(self, using: str, entries: Iterable[SyncLog]) -> None:
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for entry in entries:
            ids[entry.table].add(entry.record_id)
        published = SyncLog.objects.using(using).published().filter(latest=True).only(*_NEEDED)
        for table, wanted in ids.items():
            rows = published.filter(table=table, record_id__in=wanted).order_by("seq")
            for row in rows:
                self._holders[row.table, row.record_id][row.audience] = row
        holders = self._holders.values()
        self._loaded = frozenset(row.pk for by_audience in holders for row in by_audience.values())


def _newest(holders: dict[str, SyncLog]) -> SyncLog | None:
    """Return the record's newest entry of its own; dictionaries keep the order of publishing."""
    own = [entry for entry in holders.values() if entry.cause != MOVED]
    return own[-1] if own else None


def _changed(before: SyncLog | None, entry: SyncLog) -> list[str] | None:
    if before is None or entry.action != _UPDATE or before.action == _DELETE:
        return None
    if entry.cause == REDACTED:  # heard in any case, though the entry before was blanked as well
        return entry.redacted_names
    return codec.changed_fields(before.data, entry.data)
