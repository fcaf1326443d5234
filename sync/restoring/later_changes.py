"""Who has changed the fields of a record after one of its entries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sync.models import MOVED, SyncLog

LOOKED_AT: Final = 500
"""Entries of the record that are looked at, from the newest on."""


def changed_by(entry: SyncLog, names: Collection[str]) -> dict[str, SyncLog]:
    """Return for each of the fields the newest entry after this one that changed it, as far as one
    is found among the newest."""
    if entry.seq is None:
        return {}  # it is not published yet, so it is among the newest
    later = SyncLog.objects.using(entry._state.db).published().exclude(cause=MOVED)
    later = later.filter(table=entry.table, record_id=entry.record_id, seq__gt=entry.seq)
    found: dict[str, SyncLog] = {}
    left = set(names)
    for one in later.defer("data").order_by("-seq")[:LOOKED_AT]:
        named = left if one.changed_names is None else left.intersection(one.changed_names)
        found.update(dict.fromkeys(named, one))
        left -= named
        if not left:
            break
    return found
