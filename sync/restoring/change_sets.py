"""All changes of one transaction, and what they did to each record together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import OuterRef, Subquery

from sync.conf import conf
from sync.errors import RestoreError
from sync.models import MOVED, REDACTED, SyncLog, SyncLogQuerySet
from sync.restoring.dependencies import too_many
from sync.restoring.references import Key

CHUNK: Final = 500
"""Entries looked up by one statement: below the 999 parameters of SQLite."""


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
    """Return the entries of an entry's transaction in their order, without what merely tells
    audiences. Raises `RestoreError` where they are more than `HISTORY_UNDO_ROWS`.

    The entries of a transaction have successive numbers, so they are found without an index.
    """
    limit = conf().HISTORY_UNDO_ROWS
    log = SyncLog.objects.using(entry._state.db).filter(transaction=entry.transaction)
    if entry.seq is None:
        found = log.pending().order_by("id")
    else:
        found = log.filter(seq__gte=entry.seq - limit, seq__lte=entry.seq + limit).order_by("seq")
    entries = list(found[: limit + 1])
    if len(entries) > limit:
        raise RestoreError(too_many())
    return [one for one in entries if one.cause != MOVED]


def effects(entries: Iterable[SyncLog]) -> list[Effect]:
    """Return what the entries of one transaction did to each record, in the order in which each was
    changed last."""
    by_record: dict[Key, list[SyncLog]] = {}
    for entry in entries:
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
    updated = [one.first for one in found if one.first.action == SyncLog.Action.UPDATE]
    preceding = _preceding(updated)
    for one in found:
        if one.first.action == SyncLog.Action.DELETE and one.first.data:
            yield dataclasses.replace(one, before=one.first)
        else:
            yield dataclasses.replace(one, before=preceding.get(one.first.pk))


def _preceding(entries: list[SyncLog]) -> dict[int, SyncLog]:
    found: dict[int, SyncLog] = {}
    for start in range(0, len(entries), CHUNK):
        found |= _preceding_of_some(entries[start : start + CHUNK])
    return found


def _preceding_of_some(entries: list[SyncLog]) -> dict[int, SyncLog]:
    log: SyncLogQuerySet = SyncLog.objects.using(entries[0]._state.db)
    same = log.published().filter(table=OuterRef("table"), record_id=OuterRef("record_id"))
    same = same.exclude(cause=MOVED).exclude(cause=REDACTED, action=SyncLog.Action.DELETE)
    earlier = same.filter(seq__lt=OuterRef("seq")).order_by("-seq").values("pk")[:1]
    asked = log.filter(pk__in=[one.pk for one in entries]).order_by()
    pairs = dict(asked.annotate(former=Subquery(earlier)).values_list("pk", "former"))
    former = log.in_bulk([pk for pk in pairs.values() if pk is not None])
    return {pk: former[known] for pk, known in pairs.items() if known in former}
