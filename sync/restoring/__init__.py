"""Restoring: fields of a record as they were, a deleted record, or a whole transaction undone.

A plan says exactly what would be written, what is in the way and what was changed since; applying
it writes that, and nothing where it is not the same any more.
"""

from sync.restoring.applying import Invalid, apply
from sync.restoring.records import plan_restore
from sync.restoring.rights import Rights
from sync.restoring.steps import RECORD, Plan, Step
from sync.restoring.targets import AFTER, BEFORE, SIDES
from sync.restoring.undoing import plan_undo

__all__ = [
    "AFTER",
    "BEFORE",
    "RECORD",
    "SIDES",
    "Invalid",
    "Plan",
    "Rights",
    "Step",
    "apply",
    "plan_restore",
    "plan_undo",
]
