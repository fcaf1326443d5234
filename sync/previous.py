"""The entries before many others, for whoever needs what each of these has changed."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import OuterRef, Subquery

from sync.history import STATES
from sync.models import SyncLog


def previous_entries(entries: Collection[SyncLog]) -> dict[int, SyncLog]:
    """Return the entry of the same record before each published update or delete, by the id of the
    latter, as far as there is one: in one query, which looks each up in the index of records."""
    asked = [one for one in entries if one.action != SyncLog.Action.INSERT]
    if not asked:
        return {}
    log = SyncLog.objects.using(asked[0]._state.db)
    record = log.filter(STATES, table=OuterRef("table"), record_id=OuterRef("record_id"))
    earlier = record.filter(seq__lt=OuterRef("seq")).order_by("-seq")
    places = log.filter(pk__in=[one.pk for one in asked]).values_list(
        Subquery(earlier.values("pk")[:1]), flat=True
    )
    by_record: dict[tuple[str, str], list[SyncLog]] = {}
    for one in log.filter(pk__in=places.order_by()).order_by():
        by_record.setdefault((one.table, one.record_id), []).append(one)
    found = {one.pk: _before(one, by_record.get((one.table, one.record_id), ())) for one in asked}
    return {pk: former for pk, former in found.items() if former is not None}


def _before(entry: SyncLog, found: Collection[SyncLog]) -> SyncLog | None:
    assert entry.seq is not None, "only a published entry has others before it"
    before = [one for one in found if one.seq is not None and one.seq < entry.seq]
    return max(before, key=lambda one: one.seq or 0, default=None)
