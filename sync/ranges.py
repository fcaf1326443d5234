"""Parts of a table that are compared as wholes, so that only those that differ are read."""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import models
from django.db.models import Count, Func, Max, Min

from sync.models import Newest
from sync.shape import Shape

RANGE_SIZE: Final = 10_000
"""Records in one range, about."""

SPARSE: Final = 20
"""Keys per record beyond which ranges of keys would be too many, and too uneven."""

type_number = int | None


class KeyNumber(Func):
    """The number that a record id is; null, or some number, where it is none."""

    output_field = models.BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS integer)")

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS signed)")

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template=number_in_postgresql("%(expressions)s"))


def number_in_postgresql(text: str) -> str:
    """Return SQL for the number a text is, or null: a mere cast would fail for any other text.

    The first case is the usual one, and spares it the dearer patterns.
    """
    number = f"CAST({text} AS bigint)"
    wide = f"CAST({text} AS numeric) BETWEEN -9223372036854775808 AND 9223372036854775807"
    return (
        f"CASE WHEN ltrim({text}, '0123456789') = '' AND length({text}) BETWEEN 1 AND 18"
        f" THEN {number} WHEN {text} ~ '^-?[0-9]{{1,18}}$' THEN {number}"
        f" WHEN {text} ~ '^-?[0-9]{{19}}$' THEN CASE WHEN {wide} THEN {number} END END"
    )


@dataclasses.dataclass(frozen=True, slots=True)
class KeyRanges:
    """Ranges of `width` successive integer keys."""

    width: int

    def number(self, record_id: str) -> type_number:
        """Return the number of a record's range, or None for an id that no key has."""
        try:
            return int(record_id) // self.width
        except ValueError:
            return None

    def condition(self, name: str, numbers: Iterable[int]) -> models.Q:
        """Return the condition that the column is in one of the ranges."""
        condition = models.Q()
        for first, last in _runs(sorted(numbers)):
            low, high = first * self.width, (last + 1) * self.width
            condition |= models.Q(**{f"{name}__gte": low, f"{name}__lt": high})
        return condition


@dataclasses.dataclass(frozen=True, slots=True)
class HashedRanges:
    """A number of ranges that records of any kind of key are spread over evenly."""

    count: int

    def number(self, record_id: str) -> type_number:
        """Return the number of a record's range."""
        return zlib.crc32(record_id.encode()) % self.count


type_ranges = KeyRanges | HashedRanges


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """How many records table and log have about, and the ranges that suit them."""

    rows: int
    entries: int
    ranges: type_ranges


def extent_of(shape: Shape, using: str, range_size: int) -> Extent:
    """Count both sides and choose ranges of about `range_size` records."""
    table: models.QuerySet[Any] = models.QuerySet(shape.model, using=using)
    log = Newest.objects.using(using).filter(table=shape.table).order_by()
    if not has_integer_key(shape):
        rows, entries = table.count(), log.count()
        return Extent(rows, entries, _hashed(rows, entries, range_size))
    here = _span(table, shape.key_fields[0].attname)
    there = _span(log, KeyNumber("record_id"))
    rows, entries = here[0], there[0]
    low = min((span[1] for span in (here, there) if span[1] is not None), default=0)
    high = max((span[2] for span in (here, there) if span[2] is not None), default=0)
    if high - low > SPARSE * max(rows, entries, range_size):
        return Extent(rows, entries, _hashed(rows, entries, range_size))
    return Extent(rows, entries, KeyRanges(range_size))


def has_integer_key(shape: Shape) -> bool:
    """Tell whether the key is one column of integers, so that its order is that of its ids."""
    field = stored_field(shape.key_fields[0])
    is_integer = isinstance(field, models.IntegerField) and not hasattr(field, "from_db_value")
    return is_integer and len(shape.key_fields) == 1


def stored_field(field: Any) -> Any:
    """Return the field that says what a column holds: of a foreign key, that at its end."""
    while field.remote_field is not None:
        field = field.target_field
    return field


def _span(rows: models.QuerySet[Any], key: Any) -> tuple[int, Any, Any]:
    found = rows.aggregate(count=Count("*"), low=Min(key), high=Max(key))
    return found["count"], found["low"], found["high"]


def _hashed(rows: int, entries: int, range_size: int) -> HashedRanges:
    return HashedRanges(max(rows, entries) // range_size + 1)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of successive numbers."""
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]
