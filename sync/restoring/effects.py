"""All changes of one transaction, and what they did to each record together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from sync.change_sets import span_of
from sync.conf import conf
from sync.errors import RestoreError
from sync.locking import head
from sync.models import MOVED, SyncLog
from sync.previous import previous_entries
from sync.restoring.chunks import chunks
from sync.restoring.dependencies import too_many
from sync.restoring.references import Key


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a transaction did to one record."""

    first: SyncLog
    last: SyncLog
    names: frozenset[str] | None
    """The fields that its updates changed; None where the record came or went."""
    before: SyncLog | None = None
    """The entry that holds what the record was before; None where it did not exist, or where that
    is not in the log any more."""

    @property
    def key(self) -> Key:
        return self.first.table, self.first.record_id

    @property
    def was_there(self) -> bool:
        """Whether the record existed before the transaction."""
        return self.first.action != SyncLog.Action.INSERT

    @property
    def is_there(self) -> bool:
        """Whether the record existed after the transaction."""
        return self.last.action != SyncLog.Action.DELETE


def entries_of_transaction(entry: SyncLog) -> list[SyncLog]:
    """Return the entries of an entry's transaction that are kept, in their order. Raises
    `RestoreError` where they are more than `HISTORY_UNDO_ROWS`."""
    limit = conf().HISTORY_UNDO_ROWS
    using = entry._state.db or conf().DATABASE
    log = SyncLog.objects.using(using)
    if entry.seq is None:
        found = log.pending().filter(transaction=entry.transaction).order_by("id")
    else:
        span = span_of(using, entry.seq, head(using).seq)
        if span is None:
            return []
        found = log.filter(seq__gte=span.first, seq__lte=span.last).order_by("seq")
    entries = list(found[: limit + 1])
    if len(entries) > limit:
        raise RestoreError(too_many())
    return entries


def effects(entries: Iterable[SyncLog]) -> list[Effect]:
    """Return what the entries of one transaction did to each record, in the order in which each was
    changed last. Those that merely tell audiences did nothing."""
    by_record: dict[Key, list[SyncLog]] = {}
    for entry in entries:
        if entry.cause != MOVED:
            by_record.setdefault((entry.table, entry.record_id), []).append(entry)
    found = sorted((_effect(one) for one in by_record.values()), key=lambda one: one.last.pk)
    return list(_with_states(found))


def _effect(entries: list[SyncLog]) -> Effect:
    first, last = entries[0], entries[-1]
    came_or_went = first.action == SyncLog.Action.INSERT or last.action == SyncLog.Action.DELETE
    if came_or_went or any(one.changed_names is None for one in entries):
        return Effect(first, last, None)
    return Effect(first, last, frozenset(n for one in entries for n in one.changed_names or ()))


def _with_states(found: list[Effect]) -> Iterator[Effect]:
    """Look up what the records were before, all together."""
    preceding: dict[int, SyncLog] = {}
    updated = [one.first for one in found if one.first.action == SyncLog.Action.UPDATE]
    for chunk in chunks([one for one in updated if one.seq is not None]):
        preceding |= previous_entries(chunk)
    for one in found:
        if one.first.action == SyncLog.Action.DELETE and one.first.data:
            yield dataclasses.replace(one, before=one.first)
        else:
            yield dataclasses.replace(one, before=preceding.get(one.first.pk))
