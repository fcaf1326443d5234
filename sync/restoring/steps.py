"""The steps of a restore: what is done to each record, and the whole that they make."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sync import codec
from sync.differences import ABSENT
from sync.models import SyncLog
from sync.restoring.field_plans import FieldPlan
from sync.restoring.obstacles import GENERATED, KEY
from sync.restoring.references import Key
from sync.restoring.targets import Target

INSERT: Final = "insert"
UPDATE: Final = "update"
DELETE: Final = "delete"

RECORD: Final = ""
"""Stands, among the errors by field, for the record as a whole."""


@dataclasses.dataclass(frozen=True)
class Step:
    """What is done to one record."""

    target: Target
    action: str
    fields: tuple[FieldPlan, ...]
    instance: Any
    """The record as the table holds it; None where it is gone."""
    data: str
    newest: int | None
    label: str = ""
    postponed: frozenset[str] = frozenset()
    """Foreign keys that are set once everything is there, for records point at each other."""
    errors: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """What validation says, by the name of the field, or `RECORD`."""

    @property
    def key(self) -> Key:
        return self.target.key

    @property
    def model(self) -> Any:
        return self.target.shape.model

    @property
    def ticked(self) -> tuple[FieldPlan, ...]:
        """The fields that are restored."""
        return tuple(one for one in self.fields if one.is_ticked)

    @property
    def values(self) -> dict[str, Any]:
        """What is written, by attribute name; for an insert with the primary key."""
        kept = (one for one in self.fields if one.is_ticked or _is_key_of(self.action, one))
        return {one.name: one.value for one in kept}

    @property
    def conflicts(self) -> tuple[FieldPlan, ...]:
        """The fields that are restored though they were changed since."""
        return tuple(one for one in self.ticked if one.is_conflict)

    @property
    def left_out(self) -> tuple[FieldPlan, ...]:
        """The fields that cannot be restored, and are not what they would be, or nobody knows
        what they were."""
        return tuple(
            one
            for one in self.fields
            if one.obstacle not in (None, KEY, GENERATED) and (one.differs or self.action == INSERT)
        )

    @property
    def loses_changes(self) -> bool:
        """Whether a record is deleted that has been changed since."""
        return self.action == DELETE and self.data != codec.to_json(dict(self.target.after or {}))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.action == UPDATE and not self.ticked


@dataclasses.dataclass(frozen=True)
class Group:
    """Records that hung on what is restored and changed with it, offered to be restored too."""

    name: str
    label: str
    action: str
    count: int
    is_chosen: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that a restore does, in order, and why it cannot be done."""

    entry: SyncLog
    steps: tuple[Step, ...]
    problems: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    groups_note: str = ""
    """Why no groups are offered."""

    @property
    def errors(self) -> list[tuple[Step, str, str]]:
        """What validation says, as (step, name of the field, text)."""
        return [
            (step, name, text)
            for step in self.steps
            for name, texts in step.errors.items()
            for text in texts
        ]

    @property
    def conflicts(self) -> int:
        """How many records and fields were changed since."""
        return sum(len(step.conflicts) or int(step.loses_changes) for step in self.steps)

    @property
    def is_applicable(self) -> bool:
        works = any(not step.is_idle for step in self.steps)
        return works and not self.problems and not self.errors

    @property
    def fingerprint(self) -> str:
        """A digest of what is there and of what is to be: two plans with the same one do the same
        to the same records."""
        parts = [_identity(step) for step in self.steps]
        return hashlib.sha256(codec.to_json(parts).encode()).hexdigest()


def _is_key_of(action: str, field: FieldPlan) -> bool:
    return action == INSERT and field.obstacle is KEY and field.wanted is not ABSENT


def _identity(step: Step) -> list[Any]:
    written = {one.name: one.wanted for one in step.ticked}
    postponed = sorted(step.postponed)
    return [*step.key, step.action, step.newest, step.data, written, postponed]
