"""Instances with the values of a step, as they are validated and saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.restoring.references import Key, references
from sync.restoring.steps import DELETE, INSERT, Step


def restored(step: Step, using: str, made: Mapping[Key, Any]) -> Any:
    """Return the record of a step as it will be: the one that the table holds, changed, or a new
    one. `made` has those that the same plan makes before it, which are not in their tables yet."""
    if step.action == DELETE:
        return step.instance
    instance = step.instance if step.action != INSERT else step.model()
    instance._state.db = using
    values = {name: v for name, v in step.values.items() if name not in step.postponed}
    for name, value in values.items():
        setattr(instance, name, value)
    if step.action == INSERT:
        _inherit(instance, step, using, made)
    for reference in references(step.model, values):
        target = made.get(reference.key) if reference.key is not None else None
        if target is not None:
            reference.field.set_cached_value(instance, target)
    return instance


def _inherit(instance: Any, step: Step, using: str, made: Mapping[Key, Any]) -> None:
    """Take over what multi-table parents hold: saving the child saves them too."""
    for parent, link in step.model._meta.parents.items():
        key = None if link is None else getattr(instance, link.attname)
        if key is None:
            continue
        named = next((r.key for r in references(step.model, {link.attname: key})), None)
        held = made.get(named) if named is not None else None
        if held is None:
            held = parent._base_manager.using(using).filter(pk=key).first()
        for field in parent._meta.concrete_fields if held is not None else ():
            setattr(instance, field.attname, getattr(held, field.attname))
