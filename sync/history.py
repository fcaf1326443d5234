"""What an entry changed, field by field, against the entry before it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from sync import codec
from sync.masking import BLANK
from sync.models import MOVED, REDACTED, SyncLog, SyncLogQuerySet
from sync.registry import registry

HOLDS_THE_RECORD: Final = ~Q(cause=MOVED) & ~Q(cause=REDACTED, action=SyncLog.Action.DELETE)
"""Entries that say what a record was: not that an audience lost it, nor that it was redacted after
it was gone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redacted:
    """Stands for a value that was removed from the history, or never entered it."""

    reason: str = ""

    def __str__(self) -> str:
        return f"{_('redacted')}: {self.reason}" if self.reason else _("redacted")


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One field of a record before and after a change; absent values are None, and removed ones
    `Redacted`."""

    name: str
    before: Any
    after: Any
    was_changed: bool = dataclasses.field(default=False, compare=False)
    """What is known of the change of a value that is no longer there to be compared."""

    @property
    def is_changed(self) -> bool:
        if self.is_before_redacted or self.is_after_redacted:
            return self.was_changed
        # As texts, for to Python `1`, `1.0` and `True` are equal.
        return codec.to_json(self.before) != codec.to_json(self.after)

    @property
    def is_before_redacted(self) -> bool:
        return isinstance(self.before, Redacted)

    @property
    def is_after_redacted(self) -> bool:
        return isinstance(self.after, Redacted)


def preceding(entry: SyncLog) -> SyncLog | None:
    """Return the entry of the same record before this one, published or still pending."""
    same = _of_the_record(entry).exclude(cause=REDACTED, action=SyncLog.Action.DELETE)
    earlier = same.exclude(cause=MOVED).order_by("-seq", "-id")
    if entry.seq is not None:
        return earlier.filter(seq__lt=entry.seq).first()
    pending = same.filter(seq__isnull=True, id__lt=entry.pk).order_by("-id").first()
    return pending or earlier.filter(seq__isnull=False).first()


def differences(entry: SyncLog) -> list[Difference]:
    """Return every field of the record before and after the entry, changed fields first."""
    before: dict[str, Any] = {}
    if entry.action != SyncLog.Action.INSERT:
        previous = preceding(entry)
        before = _shown(previous) if previous is not None else {}
    after = _shown(entry)
    if entry.action == SyncLog.Action.DELETE:
        # A redaction of a record that is gone did not delete it once more.
        before, after = after or before, after if entry.cause == REDACTED else {}
    changed = _changed_before_removal(entry, sorted(before.keys() ^ after.keys()))
    rows = [
        Difference(name, before.get(name), after.get(name), name in changed)
        for name in sorted(before.keys() | after)
    ]
    return sorted(rows, key=lambda row: not row.is_changed)


def _shown(entry: SyncLog) -> dict[str, Any]:
    """Return the values of an entry, and in place of those that were removed that they were."""
    values = entry.values
    if removed := set(entry.redacted_names):
        reasons = _reasons(entry)
        values |= {name: Redacted(reasons.get(name, "")) for name in removed & values.keys()}
    registration = registry.find(entry.table)
    for name, way in registration.redact.items() if registration is not None else ():
        if way == BLANK and name in values and values[name] is None:
            values[name] = Redacted()
    return values


def _reasons(entry: SyncLog) -> dict[str, str]:
    """Return for each field the reason of the redaction that removed its value from the entry: the
    first that was recorded after it, or was recorded by it."""
    later = _of_the_record(entry).filter(cause=REDACTED, id__gte=entry.pk)
    newest_first = later.order_by("-id").only("redacted", "reason")
    return {name: one.reason for one in newest_first for name in one.redacted_names}


def _of_the_record(entry: SyncLog) -> SyncLogQuerySet:
    return SyncLog.objects.using(entry._state.db).of_record(entry.table, entry.record_id)


def _changed_before_removal(entry: SyncLog, one_sided: list[str]) -> set[str]:
    if entry.cause == REDACTED:
        return set()  # it says that the values were removed, not that the record had changed
    return set(one_sided) | set(entry.changed_names or ())
