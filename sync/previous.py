"""The entries before many others, for whoever needs what each of these has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db.models import OuterRef, Subquery

from sync.history import STATES
from sync.models import SyncLog
from sync.record_numbers import type_record


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
    by_record: dict[type_record, list[SyncLog]] = {}
    for one in log.filter(pk__in=places.order_by()).order_by("-seq"):
        by_record.setdefault((one.table, one.record_id), []).append(one)
    return {one.pk: before for one in asked if (before := _newest_before(one, by_record))}


def _newest_before(
    entry: SyncLog, by_record: Mapping[type_record, Sequence[SyncLog]]
) -> SyncLog | None:
    assert entry.seq is not None, "only a published entry has others before it"
    found = by_record.get((entry.table, entry.record_id), ())
    return next((one for one in found if one.seq is not None and one.seq < entry.seq), None)
