"""The values of entries as the history may show them: what was removed is shown to be."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from sync.masking import BLANK
from sync.models import REDACTED, SyncLog
from sync.registry import registry


@dataclasses.dataclass(frozen=True, slots=True)
class Redacted:
    """Stands for a value that was removed from the history, or never entered it."""

    reason: str = ""

    def __str__(self) -> str:
        return f"{_('redacted')}: {self.reason}" if self.reason else _("redacted")


def shown(entries: Iterable[SyncLog]) -> dict[int, dict[str, Any]]:
    """Return the values of each entry, by its id, with `Redacted` in place of those that were
    removed; in one query, however many entries there are, and in none where nothing was removed."""
    entries = list(entries)
    reasons = _Reasons([entry for entry in entries if entry.redacted is not None])
    return {entry.pk: _shown(entry, reasons) for entry in entries}


class _Reasons:
    """Why values were removed: for each entry and field by the first redaction that was recorded
    after the entry, or is the entry."""

    def __init__(self, entries: Sequence[SyncLog]) -> None:
        self._redactions: defaultdict[tuple[str, str], list[SyncLog]] = defaultdict(list)
        if not entries:
            return
        records = {(entry.table, entry.record_id) for entry in entries}
        # For each of the two there is an index over the entries of a record.
        either = Q(seq__isnull=False) | Q(seq__isnull=True)
        ours = Q(*(Q(table=table, record_id=one) for table, one in records), _connector=Q.OR)
        log = SyncLog.objects.using(entries[0]._state.db)
        # Not by their ids as well: from there on the whole log might be read.
        found = log.filter(either, ours, cause=REDACTED)
        for redaction in found.order_by("id").only("table", "record_id", "redacted", "reason"):
            self._redactions[redaction.table, redaction.record_id].append(redaction)

    def of(self, entry: SyncLog) -> dict[str, str]:
        """Return the reason of each field's removal from an entry."""
        later = [
            one for one in self._redactions[entry.table, entry.record_id] if one.pk >= entry.pk
        ]
        return {name: one.reason for one in reversed(later) for name in one.redacted_names}


def _shown(entry: SyncLog, reasons: _Reasons) -> dict[str, Any]:
    values = entry.values
    if removed := set(entry.redacted_names):
        why = reasons.of(entry)
        values |= {name: Redacted(why.get(name, "")) for name in removed & values.keys()}
    registration = registry.find(entry.table)
    for name, way in registration.redact.items() if registration is not None else ():
        if way == BLANK and name in values and values[name] is None:
            values[name] = Redacted()
    return values
