"""What the log believes: the newest entry of each record, published or not yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Exists, Max, OuterRef

from sync.models import MOVED, Newest, SyncLog, SyncLogQuerySet

_NEEDED: Final = ("id", "seq", "table", "record_id", "action", "data", "audience", "redacted")


def living(table: str, using: str) -> list[SyncLogQuerySet]:
    """Return the entries that hold the present state of the records that live, as query sets that
    have none in common.

    Of the latest entries of a record at most one, the newest, is no delete. Entries that are not
    published yet come after all that are.
    """
    log = SyncLog.objects.using(using).filter(table=table).order_by()
    lives = Newest.objects.exclude(action=SyncLog.Action.DELETE).filter(seq=OuterRef("seq"))
    published = log.published().filter(Exists(lives))
    pending = log.pending()
    if not pending.exists():
        return [published]
    newest = pending.values("record_id").annotate(newest=Max("id")).values("newest")
    return [
        published.exclude(record_id__in=pending.values("record_id")),
        pending.filter(id__in=newest).exclude(action=SyncLog.Action.DELETE),
    ]


def newest_entries(table: str, record_ids: Collection[str], using: str) -> dict[str, SyncLog]:
    """Return the newest entry of each record that the log knows, also where it is a delete: by two
    statements, for no index has both kinds."""
    asked = {"table": table, "record_id__in": list(record_ids)}
    newest = Newest.objects.using(using).filter(**asked).exclude(entry__cause=MOVED)
    needed = newest.select_related("entry").only(*(f"entry__{name}" for name in _NEEDED))
    published = [one.entry for one in needed.order_by("seq")]
    # Those that wait for a number come after all that have one, by id: a record's writers wait for
    # each other.
    pending = SyncLog.objects.using(using).pending().filter(**asked).exclude(cause=MOVED)
    waiting = pending.order_by("id").only(*_NEEDED)
    return {entry.record_id: entry for entry in (*published, *waiting)}
