"""Chooses which committed transactions are numbered next, and gives their entries in order."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Iterator
from typing import Final

from django.db.models import Max

from sync import binary
from sync.models import SyncLog, SyncLogQuerySet

CHUNK: Final = 1000
"""Entries held in memory while one large transaction is numbered."""


@dataclasses.dataclass(slots=True)
class Pending:
    """An entry that is being published: making a model instance of it would take longer than
    publishing it. The fields are columns of the log, in the order they are read in."""

    pk: int
    table: str
    record_id: str
    action: str
    data: str
    audience: str
    cause: str
    redacted: str | None
    transaction: uuid.UUID
    actor_id: str
    actor: str
    source: str
    client_id: str
    request_id: str
    reason: str
    recorded_at: datetime.datetime
    seq: int | None = None
    published_at: datetime.datetime | None = None
    changed: str | None = None
    event: str = ""


READ: Final = tuple(field.name for field in dataclasses.fields(Pending))[:16]
"""The fields that are read, in their order."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Whole transactions, and whether they are all that waited: their entries in the order they
    are to be numbered in, or one transaction that is larger than a batch."""

    entries: list[Pending]
    is_all: bool
    large: uuid.UUID | None = None

    def __bool__(self) -> bool:
        return bool(self.entries) or self.large is not None

    def chunks(self, using: str) -> Iterator[list[Pending]]:
        """Yield the entries in order; a single transaction may be of any size, so it comes in
        parts."""
        if self.large is None:
            yield self.entries
            return
        last, own = 0, SyncLog.objects.using(using).pending().filter(transaction=self.large)
        while rows := binary.rows_of(
            own.filter(pk__gt=last).order_by("pk").values_list(*READ)[:CHUNK]
        ):
            last = rows[-1][0]
            yield [Pending(*row) for row in rows]


def next_batch(using: str, size: int) -> Batch:
    """Return the next transactions, about `size` entries of them or one that is larger.

    Ordered by their highest id: a transaction that waited for another's row lock wrote that
    record's entry after the other had committed, so its highest id is greater, while its lowest
    may not be. Looks at the lowest pending ids alone, so that a backlog of any length costs the
    same per entry: a transaction that lies wholly among them comes before all that do not.
    """
    pending = SyncLog.objects.using(using).pending().order_by("id")
    window = [Pending(*row) for row in binary.rows_of(pending.values_list(*READ)[: size + 1])]
    highest = {entry.transaction: entry.pk for entry in window[:size]}
    if len(window) <= size:
        return Batch(in_order(window), is_all=True)
    last = window[size - 1].pk
    beyond = pending.filter(pk__gt=last, transaction__in=list(highest)).order_by()
    for transaction in set(beyond.values_list("transaction", flat=True).distinct()):
        del highest[transaction]
    if highest:
        whole = [entry for entry in window if entry.transaction in highest]
        return Batch(in_order(whole), is_all=False)
    return _first_of_all(using, {entry.transaction for entry in window})


def _first_of_all(using: str, lowest: set[uuid.UUID]) -> Batch:
    """Return the first transaction where each of the lowest is larger than a batch.

    One that ends before all of them lies wholly below the first of their ends, so what waits above
    is not looked at: a backlog of large transactions would else be looked at for each of them.
    """
    pending = SyncLog.objects.using(using).pending().order_by()
    ends = _ends(pending.filter(transaction__in=lowest))
    if not ends:
        return Batch([], is_all=True)
    bound = min(ends.values())
    ends |= _ends(pending.filter(pk__lte=bound).exclude(transaction__in=lowest))
    later = pending.filter(pk__gt=bound, transaction__in=ends.keys() - lowest)
    for transaction in set(later.values_list("transaction", flat=True)):
        del ends[transaction]  # it only begins there
    first = min(ends, key=lambda transaction: ends[transaction])
    return Batch([], is_all=not pending.exclude(transaction=first).exists(), large=first)


def _ends(entries: SyncLogQuerySet) -> dict[uuid.UUID, int]:
    return dict(entries.values_list("transaction").annotate(last=Max("id")))


def in_order(entries: list[Pending]) -> list[Pending]:
    """Return the entries of whole transactions, given by their ids, in the order of their numbers:
    transactions by their highest id, and entries within one by their own."""
    highest = {entry.transaction: entry.pk for entry in entries}
    return sorted(entries, key=lambda entry: (highest[entry.transaction], entry.pk))
