"""The entries before many others, for pages that show what each of these has changed."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import OuterRef, Subquery

from sync.models import MOVED, REDACTED, SyncLog


def previous_entries(entries: Collection[SyncLog]) -> dict[int, SyncLog]:
    """Return the entry of the same record before each published update or delete, by the id of the
    latter, as far as there is one: in one query, which looks each up in the index of records."""
    asked = [one for one in entries if one.action != SyncLog.Action.INSERT]
    if not asked:
        return {}
    log = SyncLog.objects.using(asked[0]._state.db)
    record = log.filter(table=OuterRef("table"), record_id=OuterRef("record_id"))
    earlier = record.filter(seq__lt=OuterRef("seq")).exclude(cause=MOVED)
    earlier = earlier.exclude(cause=REDACTED, action=SyncLog.Action.DELETE).order_by("-seq")
    places = log.filter(pk__in=[one.pk for one in asked]).values_list(
        Subquery(earlier.values("pk")[:1]), flat=True
    )
    found = list(log.filter(pk__in=places.order_by()).order_by())
    return {one.pk: before for one in asked if (before := _newest_before(one, found))}


def _newest_before(entry: SyncLog, found: Collection[SyncLog]) -> SyncLog | None:
    assert entry.seq is not None, "only a published entry has others before it"
    record = (entry.table, entry.record_id)
    before = [
        one
        for one in found
        if (one.table, one.record_id) == record and one.seq is not None and one.seq < entry.seq
    ]
    return max(before, key=lambda one: one.seq or 0, default=None)
