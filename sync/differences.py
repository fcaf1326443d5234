"""How one record differs between its table and the log."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import connections, models

from sync import codec
from sync.checksums import audience_of
from sync.log_state import newest_entries
from sync.models import SyncLog
from sync.ranges import stored_field
from sync.shape import Shape

MISSING_IN_LOG: Final = "missing in the log"
MISSING_IN_TABLE: Final = "missing in the table"
VALUES: Final = "different values"
AUDIENCE: Final = "different audience"
KINDS: Final = (MISSING_IN_LOG, MISSING_IN_TABLE, VALUES, AUDIENCE)

Row = tuple[Any, ...]


class Absent:
    """Stands for the value of a field that one side does not have at all."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Final = Absent()


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A record that is not in the table what it is in the log."""

    record_id: str
    kinds: tuple[str, ...]
    fields: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    """Name of a field -> its encoded value in the log, and in the table."""
    audience: tuple[str, str] | None = None
    """Who hears the record by the log, and by the table; None where they agree."""


def differences(shape: Shape, record_ids: Collection[str], using: str) -> list[Difference]:
    """Read these records on both sides and return how they differ now.

    Only right within one moment: a snapshot, or with the records locked.
    """
    rows = rows_of(shape, record_ids, using)
    entries = newest_entries(shape.table, record_ids, using)
    compared = (
        difference(shape, name, rows.get(name), entries.get(name), using) for name in record_ids
    )
    return [found for found in compared if found is not None]


def difference(
    shape: Shape, record_id: str, row: Row | None, entry: SyncLog | None, using: str
) -> Difference | None:
    """Return how a row differs from the record's newest entry, or None where they agree."""
    lives = entry is not None and entry.action != SyncLog.Action.DELETE
    if row is None:
        return Difference(record_id, (MISSING_IN_TABLE,)) if lives else None
    if entry is None or not lives:
        return Difference(record_id, (MISSING_IN_LOG,))
    fields = _different_fields(entry, shape.data(row))
    audience = (entry.audience, audience_of(shape, row, using))
    kinds = (VALUES,) if fields else ()
    if audience[0] != audience[1]:
        return Difference(record_id, (*kinds, AUDIENCE), fields, audience)
    return Difference(record_id, kinds, fields) if kinds else None


def rows_of(
    shape: Shape, record_ids: Collection[str], using: str, *, lock: bool = False
) -> dict[str, Row]:
    """Return the rows of these records by record id, locked if asked for."""
    keys = [key for name in record_ids if (key := key_of(shape, name, using)) is not None]
    found: models.QuerySet[Any] = models.QuerySet(shape.model, using=using).filter(pk__in=keys)
    if lock:
        found = found.select_for_update()
    return {shape.record_id(row): row for row in found.values_list(*shape.names)}


def key_of(shape: Shape, record_id: str, using: str) -> Any:
    """Return the primary key that a record id names, or None where it can name none."""
    return parsed_key(shape.key_fields, record_id, using)


def parsed_key(fields: Sequence[models.Field[Any, Any]], record_id: str, using: str) -> Any:
    """Return the primary key of these fields that a record id names, or None as above."""
    try:
        texts = codec.from_json(record_id) if len(fields) > 1 else [record_id]
        if not isinstance(texts, list) or len(texts) != len(fields):
            return None
        key = [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
    except (msgspec.MsgspecError, ValidationError, ValueError, TypeError, ArithmeticError):
        return None
    if not all(_fits(field, value, using) for field, value in zip(fields, key, strict=True)):
        return None
    return tuple(key) if len(fields) > 1 else key[0]


def _fits(field: Any, value: Any, using: str) -> bool:
    """Tell whether a column can hold the value: SQLite fails to be asked for a larger integer."""
    field = stored_field(field)
    if not isinstance(field, models.IntegerField):
        return True
    low, high = connections[using].ops.integer_field_range(field.get_internal_type())
    return bool((low is None or low <= value) and (high is None or value <= high))


def _different_fields(entry: SyncLog, data: str) -> dict[str, tuple[Any, Any]]:
    if entry.data == data:
        return {}
    here, there = codec.from_json(data), entry.values
    hidden = frozenset(entry.redacted_names)
    names = [name for name in codec.changed_fields(entry.data, data) if name not in hidden]
    return {name: (there.get(name, ABSENT), here.get(name, ABSENT)) for name in names}
