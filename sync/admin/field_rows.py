"""The fields of an entry before and after it, for `admin/sync/fields.html`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

from django.db import models

from sync import codec
from sync.admin.labels import Label
from sync.admin.model_fields import readable_fields, title_of
from sync.admin.pieces import Piece, pieces_of_one_side, whole
from sync.admin.readable import JSON, PLAIN, TEXT, Readable, readable
from sync.conf import conf
from sync.diffs import DELETE, INSERT, text_diff
from sync.history import Difference
from sync.json_diffs import Change, json_diff
from sync.matching import Budget
from sync.record_numbers import type_record

Model = type[models.Model]

LONG: Final = 200
"""Characters from which a text gets a box of its own, that scrolls."""


_IN_PIECES: Final = (TEXT, PLAIN, JSON)


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """A value before or after, as a whole and with what differs from the other side marked."""

    value: Readable
    pieces: Sequence[Piece] = ()

    @classmethod
    def of(cls, value: Readable, room: int | None = None) -> Self:
        """Return a value that is compared with nothing, cut to `room` characters."""
        return cls(value, whole(value.text, room) if value.kind in _IN_PIECES else ())

    @property
    def is_long(self) -> bool:
        """Whether the value needs more room than a cell has."""
        return self.value.kind == JSON or len(self.value.text) > LONG or "\n" in self.value.text


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A place of a JSON value that changed."""

    path: str
    kind: str
    before: Side | None
    after: Side | None


@dataclasses.dataclass(frozen=True, slots=True)
class FieldRow:
    """One field for people."""

    name: str
    """The name of the column, as the log and the clients know it."""
    title: str
    is_changed: bool
    before: Side
    after: Side
    places: Sequence[Place] = ()
    """What changed within a JSON value."""
    further_places: int = 0
    """How many more places changed than are shown."""


def field_rows(
    model: Model | None,
    rows: Iterable[Difference],
    named: Mapping[type_record, Label],
    budget: Budget,
) -> list[FieldRow]:
    """Return the fields in the order given; `budget` bounds what all their comparisons cost."""
    fields = readable_fields(model)
    return [_field_row(fields.get(row.name), row, named, budget) for row in rows]


def _field_row(
    field: Any, row: Difference, named: Mapping[type_record, Label], budget: Budget
) -> FieldRow:
    title = title_of(field, row.name)
    before, after = readable(field, row.before, named), readable(field, row.after, named)
    if not row.is_changed:
        return FieldRow(row.name, title, False, Side.of(before), Side.of(after))
    if before.text == after.text and before.kind == after.kind:
        before, after = before.exactly, after.exactly
    left, right = _sides(before, after, budget)
    if not (before.kind == after.kind == JSON):
        return FieldRow(row.name, title, True, left, right)
    changes = json_diff(row.before, row.after, budget)
    limit = conf().JSON_PLACES
    places = [_place(change, named, budget) for change in changes[:limit]]
    return FieldRow(row.name, title, True, left, right, places, max(len(changes) - limit, 0))


def _sides(before: Readable, after: Readable, budget: Budget) -> tuple[Side, Side]:
    if not (before.kind == after.kind == TEXT):
        return Side.of(before), Side.of(after)
    parts = text_diff(before.text, after.text, budget)
    return (
        Side(before, pieces_of_one_side(parts, DELETE)),
        Side(after, pieces_of_one_side(parts, INSERT)),
    )


def _place(change: Change, named: Mapping[type_record, Label], budget: Budget) -> Place:
    before, after = readable(None, change.before, named), readable(None, change.after, named)
    left, right = _sides(before, after, budget)
    return Place(
        "".join(_step(step) for step in change.path).removeprefix("."),
        change.kind,
        None if change.old_path is None else left,
        None if change.new_path is None else right,
    )


def _step(step: str | int) -> str:
    is_plain = isinstance(step, str) and step.isidentifier()
    return f".{step}" if is_plain else f"[{codec.to_json(step)}]"
