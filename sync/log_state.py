"""What the log believes: the newest entry of each record, published or not yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Max, Q

from sync.models import MOVED, Newest, SyncLog, SyncLogQuerySet

_NEEDED: Final = ("id", "seq", "table", "record_id", "action", "data", "audience", "redacted")


def living(table: str, using: str) -> list[SyncLogQuerySet]:
    """Return the entries that hold the present state of the records that live, as query sets that
    have none in common.

    Of the latest entries of a record at most one, the newest, is no delete. Entries that are not
    published yet come after all that are.
    """
    log = SyncLog.objects.using(using).filter(table=table).order_by()
    living = Newest.objects.using(using).filter(table=table).exclude(action=SyncLog.Action.DELETE)
    published = log.filter(id__in=living.values("entry_id"))
    pending = log.pending()
    if not pending.exists():
        return [published]
    newest = pending.values("record_id").annotate(newest=Max("id")).values("newest")
    return [
        published.exclude(record_id__in=pending.values("record_id")),
        pending.filter(id__in=newest).exclude(action=SyncLog.Action.DELETE),
    ]


def newest_entries(table: str, record_ids: Collection[str], using: str) -> dict[str, SyncLog]:
    """Return the newest entry of each record that the log knows, also where it is a delete."""
    log = SyncLog.objects.using(using).filter(table=table, record_id__in=list(record_ids))
    newest = Newest.objects.using(using).filter(table=table, record_id__in=list(record_ids))
    known = Q(id__in=newest.values("entry_id")) | Q(seq__isnull=True)
    candidates = log.filter(known).exclude(cause=MOVED)
    ordered = sorted(candidates.order_by().only(*_NEEDED), key=_place)
    return {entry.record_id: entry for entry in ordered}


def _place(entry: SyncLog) -> tuple[bool, int]:
    """Order entries that wait for a number after those that have one: by id, for a record's writers
    wait for each other."""
    return entry.seq is None, entry.pk if entry.seq is None else entry.seq
