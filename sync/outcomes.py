"""What a transaction leaves of the records that it moves.

Where a transaction moves a record between audiences, its earlier states of the record were never
committed, and those who hear the record afterwards may not see them, nor those who hear it no
longer. So only the last entry is told; the others are history.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Final

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q

from sync import batches, codec
from sync.batches import Pending
from sync.models import REDACTED, Newest, SyncLog

_FOR_THE_HISTORY: Final = Q(cause=REDACTED, action=SyncLog.Action.DELETE)

Key = tuple[uuid.UUID, str, str]


@dataclasses.dataclass(slots=True)
class _Writes:
    """The entries of one record by one transaction: the id of the last that changed something, as
    far as is known, and who hears them."""

    last: int
    audiences: set[str]
    said: tuple[str, str] | None = None
    """The data and the audience of the last."""


class Outcomes:
    """Which entries of a batch are the outcome of their transactions; for one batch alone."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._writes: dict[Key, _Writes] = {}
        self._forgotten: dict[Key, set[str]] = {}
        self._is_cut = False

    def look_at(self, entries: Sequence[Pending]) -> None:
        """Take in the next entries of the batch, in order.

        A transaction that comes in parts is asked for at its first part: memory is taken only by
        records that it moves and writes more than once.
        """
        if self._is_cut:
            return
        first, *rest = entries
        self._is_cut = len(entries) >= batches.CHUNK and all(
            entry.transaction == first.transaction for entry in rest
        )
        self._writes = self._asked_for(first.transaction) if self._is_cut else _seen(entries)

    def is_last(self, entry: Pending) -> bool:
        """Tell whether the transaction writes the record no more after this entry."""
        writes = self._writes.get(_key(entry))
        return writes is None or writes.last <= entry.pk

    def moves(self, entry: Pending, held_by: str | None) -> bool:
        """Tell whether the transaction writes the record more than once and for several audiences,
        counting the one that held it before."""
        writes = self._writes.get(_key(entry)) if self._writes else None
        if writes is None or writes.last < entry.pk:
            return False
        return len(writes.audiences) > 1 or held_by not in (None, *writes.audiences)

    def forget(self, entry: Pending) -> None:
        """Keep in mind which values an entry removed that is not told."""
        if entry.cause == REDACTED:
            names = codec.from_json(entry.redacted or "[]")
            self._forgotten.setdefault(_key(entry), set()).update(names)

    def forgotten(self, entry: Pending) -> set[str]:
        """Return which values earlier entries of the record in the transaction removed."""
        return self._forgotten.get(_key(entry), set())

    def _asked_for(self, transaction: uuid.UUID) -> dict[Key, _Writes]:
        log = SyncLog.objects.using(self._using)
        held = (
            Newest.objects.using(self._using)
            .filter(table=OuterRef("table"), record_id=OuterRef("record_id"))
            .exclude(Q(action=SyncLog.Action.DELETE) | Q(audience=OuterRef("audience")))
        )
        own = log.pending().filter(transaction=transaction).exclude(_FOR_THE_HISTORY).order_by()
        written = own.values_list("table", "record_id").annotate(
            last=Max("id"),
            first_audience=Min("audience"),
            last_audience=Max("audience"),
            entries=Count("id"),
            leaving=Count("id", filter=Exists(held)),
        )
        moved = written.filter(
            ~Q(first_audience=F("last_audience")) | Q(leaving__gt=0), entries__gt=1
        )
        return {
            (transaction, table, record_id): _Writes(last, {first, other})
            for table, record_id, last, first, other, *_ in moved.iterator()
        }


def _seen(entries: Sequence[Pending]) -> dict[Key, _Writes]:
    found: dict[Key, _Writes] = {}
    repeated: dict[Key, _Writes] = {}
    for entry in entries:
        if entry.cause == REDACTED and entry.action == SyncLog.Action.DELETE:
            continue
        said = entry.data, entry.audience
        writes = found.get(key := _key(entry))
        if writes is None:
            found[key] = _Writes(entry.pk, {entry.audience}, said)
        elif said != writes.said or entry.action != SyncLog.Action.UPDATE or entry.cause:
            writes.last, writes.said = entry.pk, said
            writes.audiences.add(entry.audience)
            repeated[key] = writes
    return repeated


def _key(entry: Pending) -> Key:
    return entry.transaction, entry.table, entry.record_id
