"""What records are to become again: the states that entries of the log hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from django.db import connections
from django.utils.translation import gettext as _

from sync.conf import conf
from sync.errors import RestoreError
from sync.history import preceding
from sync.models import MOVED, REDACTED, SyncLog
from sync.registry import registry
from sync.restoring.references import Key, reference_fields
from sync.shape import Shape, shape_of

BEFORE: Final = "before"
AFTER: Final = "after"
SIDES: Final = (BEFORE, AFTER)
"""Of an entry: what the record was until its change, and what it was from then on."""


@dataclasses.dataclass(frozen=True)
class Target:
    """The state that a record is to get."""

    shape: Shape
    record_id: str
    source: SyncLog | None
    """The entry that holds the state; None where the record is not to be."""
    since: SyncLog
    """The entry whose change is looked at: who changed a field after it is in conflict."""
    after: Mapping[str, Any] | None
    """What the record was right after that change; None where it was gone."""
    names: frozenset[str] | None = None
    """The fields in question; None for all of them."""

    @property
    def key(self) -> Key:
        return self.shape.table, self.record_id


def target_of(entry: SyncLog, side: str) -> Target:
    """Return what the record of an entry was before or after it; raises `RestoreError` where there
    is nothing that could be restored."""
    shape = shape_of_table(entry.table)
    if entry.cause == MOVED:
        raise RestoreError(
            _("This entry tells an audience to forget the record, and holds nothing of it.")
        )
    source = _source_before(entry) if side == BEFORE else _source_after(entry)
    gone = entry.action == SyncLog.Action.DELETE
    return Target(shape, entry.record_id, source, entry, None if gone else entry.values)


def shape_of_table(table: str) -> Shape:
    """Return how a table is recorded; raises `RestoreError` for one that is not, any more: what was
    restored would not be recorded itself."""
    registration = registry.find(table)
    if registration is None:
        raise RestoreError(
            _("Changes of %(table)s are not recorded any more, so nothing is restored in it.")
            % {"table": table}
        )
    return shape_of(registration, registration.model)


def before_delete(entry: SyncLog) -> SyncLog:
    """Return the entry that holds what a record was before it was deleted.

    Where constraints cannot wait for the commit, Django sets foreign keys within what it deletes
    to null beforehand; what they were is in an entry before that.
    """
    if connections[entry._state.db or conf().DATABASE].features.can_defer_constraint_checks:
        return entry
    values = entry.values
    nulled = {f.attname for f in _nullable_keys(entry.table) if values.get(f.attname) is None}
    found, former = entry, preceding(entry) if nulled else None
    while former is not None and _only_nulls(former, entry, nulled):
        found, former = former, preceding(former)
    return entry if found is entry or former is None else former


def _only_nulls(former: SyncLog, entry: SyncLog, names: set[str]) -> bool:
    if former.transaction != entry.transaction or former.action != SyncLog.Action.UPDATE:
        return False
    changed, values = former.changed_names or (), former.values
    return bool(changed) and all(n in names and values.get(n) is None for n in changed)


def _nullable_keys(table: str) -> list[Any]:
    registration = registry.find(table)
    fields = [] if registration is None else reference_fields(registration.model)
    return [field for field in fields if field.null]


def _source_before(entry: SyncLog) -> SyncLog:
    if entry.action == SyncLog.Action.INSERT:
        raise RestoreError(_("Before this change the record did not exist."))
    if entry.action == SyncLog.Action.DELETE and entry.data and entry.cause != REDACTED:
        return before_delete(entry)
    found = preceding(entry)
    if found is None or not found.data:
        raise RestoreError(_("What the record was before this change is not in the log any more."))
    return found


def _source_after(entry: SyncLog) -> SyncLog:
    if entry.action == SyncLog.Action.DELETE:
        raise RestoreError(_("After this change the record was gone: restore what was before it."))
    return entry
