"""The changes of a page as the feed shows them, for a few queries however many there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.utils import timezone

from sync.admin.addresses import page_url
from sync.admin.changes import Changes, changes
from sync.admin.entry_notes import cause_in_short
from sync.admin.labels import Label, labels
from sync.admin.record_links import name_of_model
from sync.admin.searching import Search
from sync.admin.spans import age
from sync.models import SyncLog
from sync.previous import previous_entries

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One change, with the links from it."""

    entry: SyncLog
    label: Label
    kind: str
    """What the table's records are called."""
    changes: Changes
    age: str
    url: str
    transaction_url: str
    together_url: str
    """The other changes of its transaction, as rows."""
    narrowed: dict[str, str]
    """Query strings of the search narrowed to this change's table, actor and source."""

    @property
    def cause(self) -> str:
        """What the action does not say."""
        return cause_in_short(self.entry)

    @property
    def is_unchanged(self) -> bool:
        return self.entry.is_unchanged and not self.changes.shown


def feed_rows(
    request: HttpRequest, log_admin: SyncLogAdmin, search: Search, entries: Sequence[SyncLog]
) -> list[Row]:
    """Return the rows of entries that somebody may see."""
    named = labels(log_admin.admin_site, request, [(one.table, one.record_id) for one in entries])
    before = previous_entries(entries)
    now = timezone.now()
    return [
        Row(
            entry=entry,
            label=named[entry.table, entry.record_id],
            kind=name_of_model(entry.table),
            changes=changes(entry, before.get(entry.pk)),
            age=age(entry.recorded_at, now),
            url=page_url(log_admin, "change", entry.pk),
            transaction_url=page_url(log_admin, "transaction", entry.seq),
            together_url=page_url(log_admin, "together", entry.seq),
            narrowed=_narrowed(search, entry),
        )
        for entry in entries
    ]


def _narrowed(search: Search, entry: SyncLog) -> dict[str, str]:
    values = {
        "table": entry.table,
        "actor": entry.actor_id or entry.actor,
        "source": entry.source,
    }
    return {name: search.narrowed(**{name: value}).query_string() for name, value in values.items()}
