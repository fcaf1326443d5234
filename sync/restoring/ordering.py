"""The order of steps in which nothing points at what is not there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from sync import codec
from sync.errors import RestoreError
from sync.restoring.planning import Planner
from sync.restoring.references import Key, references
from sync.restoring.steps import DELETE, INSERT, Step


def ordered(planner: Planner) -> tuple[Step, ...]:
    """Return the planned steps so that each comes after those it needs, else as they were planned.

    Of records that point at each other, one is made without its foreign key, which is set at the
    end; where none can be, that is a problem.
    """
    order = _Order(planner.steps)
    try:
        return tuple(order.all())
    except RestoreError as error:
        planner.problem(str(error))
        return tuple(planner.steps.values())


class _Order:
    """A walk through what needs what, without recursion: chains may be as long as a plan."""

    def __init__(self, steps: Mapping[Key, Step]) -> None:
        self._steps = dict(steps)
        self._pointing = _pointing_at_deleted(steps)
        self._done: dict[Key, None] = {}

    def all(self) -> Iterator[Step]:
        for key in list(self._steps):
            self._visit(key)
        return (self._steps[key] for key in self._done)

    def _visit(self, root: Key) -> None:
        path: dict[Key, Iterator[tuple[Key, Any]]] = {}
        following: Key | None = root if root not in self._done else None
        while following is not None or path:
            if following is not None:
                path[following] = iter(self._needs(self._steps[following]))
            key, needs = next(reversed(path.items()))
            following = next(self._unmet(key, needs, path), None)
            if following is None:
                path.popitem()
                self._done[key] = None

    def _unmet(self, key: Key, needs: Iterator[tuple[Key, Any]], path: Any) -> Iterator[Key]:
        for needed, field in needs:
            if needed in self._done or needed == key:
                continue
            if needed not in path:
                yield needed
            elif field is not None:
                self._postpone(key, field)

    def _postpone(self, key: Key, field: Any) -> None:
        step = self._steps[key]
        if not field.null:
            raise RestoreError(
                _("%(record)s %(id)s and what it depends on point at each other.")
                % {"record": step.model._meta.verbose_name, "id": step.target.record_id}
            )
        postponed = step.postponed | {field.attname}
        self._steps[key] = dataclasses.replace(step, postponed=postponed)

    def _needs(self, step: Step) -> Sequence[tuple[Key, Any]]:
        if step.action == DELETE:
            return [(key, None) for key in self._pointing.get(step.key, ())]
        return [
            (one.key, one.field)
            for one in references(step.model, step.values)
            if one.key in self._steps and self._steps[one.key].action == INSERT
        ]


def _pointing_at_deleted(steps: Mapping[Key, Step]) -> dict[Key, list[Key]]:
    """Return for each record to be deleted those that point at it now and are planned too."""
    deleted = {key for key, step in steps.items() if step.action == DELETE}
    found: dict[Key, list[Key]] = {}
    for key, step in steps.items() if deleted else ():
        if not step.data:
            continue
        for reference in references(step.model, codec.from_json(step.data)):
            if reference.key in deleted:
                found.setdefault(reference.key, []).append(key)
    return found
