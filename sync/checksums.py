"""Checksums of the ranges of a table and of its log, read in pages; for every database.

The digests are those of Python's own `hash`: fast, and the same for both sides, which are read by
one process. They decide what is read again, never what is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, Protocol

from django.db import models

from sync import keyset
from sync.log_state import living
from sync.ranges import KeyNumber, KeyRanges, has_integer_key, type_number, type_ranges
from sync.shape import Shape

type_checksums = dict[type_number, tuple[int, int]]
"""Number of a range -> how many records it has, and the sum of their digests."""

Advance = Callable[[int], object]
"""Is told how many rows have been read since the last time."""

_ENTRY: Final = ("record_id", "id", "audience", "data")

Row = tuple[Any, ...]

Texts = tuple[str, str, str]
"""Record id, audience and data of a record."""


class Side(Protocol):
    """The table or its log, as records that are to be compared."""

    def checksums(self, advance: Advance) -> type_checksums:
        """Read everything and return a checksum of each range that has records."""

    def digests(self, numbers: Collection[type_number]) -> Mapping[str, int]:
        """Return a digest of each record in these ranges."""


class ReadSide:
    """A side whose rows are read into this process."""

    def __init__(self, ranges: type_ranges) -> None:
        self._ranges = ranges

    def checksums(self, advance: Advance) -> type_checksums:
        """Read everything and return a checksum of each range that has records."""
        number, counts = self._ranges.number, defaultdict[type_number, int](int)
        sums = defaultdict[type_number, int](int)
        for page in self._pages(None):
            for texts in page:
                place = number(texts[0])
                counts[place] += 1
                sums[place] += hash(texts)
            advance(len(page))
        return {place: (count, sums[place]) for place, count in counts.items()}

    def digests(self, numbers: Collection[type_number]) -> dict[str, int]:
        """Return a digest of each record in these ranges."""
        number, wanted = self._ranges.number, frozenset(numbers)
        return {
            texts[0]: hash(texts)
            for page in self._pages(wanted)
            for texts in page
            if number(texts[0]) in wanted
        }

    def _pages(self, numbers: frozenset[type_number] | None) -> Iterator[list[Texts]]:
        raise NotImplementedError

    def _condition(self, name: str, numbers: frozenset[type_number] | None) -> models.Q:
        """Return a condition that holds in these ranges at least."""
        if numbers is None or not isinstance(self._ranges, KeyRanges):
            return models.Q()
        # An id that is no number may be taken for any number by a database.
        known = [number for number in numbers if number is not None]
        return self._ranges.condition(name, known) if len(known) == len(numbers) else models.Q()


class ReadTable(ReadSide):
    """The rows of a table, encoded as recording would."""

    def __init__(self, shape: Shape, using: str, ranges: type_ranges) -> None:
        super().__init__(ranges)
        self._shape, self._using = shape, using
        self._record_id, self._audience = _record_id_getter(shape), _audience_getter(shape, using)

    def _pages(self, numbers: frozenset[type_number] | None) -> Iterator[list[Texts]]:
        shape = self._shape
        keys = [field.attname for field in shape.key_fields]
        rows: models.QuerySet[Any] = models.QuerySet(shape.model, using=self._using)
        rows = rows.filter(self._condition(keys[0], numbers))
        for page in keyset.pages(rows, keys, shape.names):
            yield [self._texts(row) for row in page]

    def _texts(self, row: Row) -> Texts:
        return self._record_id(row), self._audience(row), self._shape.data(row)


class ReadLog(ReadSide):
    """The entries that hold the present state of the records that live."""

    def __init__(self, table: str, using: str, ranges: type_ranges) -> None:
        super().__init__(ranges)
        self._table, self._using = table, using

    def _pages(self, numbers: frozenset[type_number] | None) -> Iterator[list[Texts]]:
        condition = self._condition("key_number", numbers)
        for entries in living(self._table, self._using):
            if condition:
                entries = entries.alias(key_number=KeyNumber("record_id")).filter(condition)
            # By id too: a collation may take two record ids for one.
            for page in keyset.pages(entries, ["record_id", "id"], _ENTRY):
                yield [(record_id, audience, data) for record_id, _, audience, data in page]


def audience_of(shape: Shape, row: Row, using: str) -> str:
    """Return who hears a row's record."""
    return shape.registration.audience_of(
        shape.audience_values(row), lambda: shape.instance(row, using)
    )


def _record_id_getter(shape: Shape) -> Callable[[Row], str]:
    """Return what names a row's record, shorter for most tables than what has to do for all."""
    if not has_integer_key(shape):
        return shape.record_id
    place = shape.names.index(shape.key_fields[0].attname)
    return lambda row: str(row[place])


def _audience_getter(shape: Shape, using: str) -> Callable[[Row], str]:
    if shape.registration.audience_fields == frozenset():
        same = shape.registration.audience_of({}, lambda: None)
        return lambda row: same
    return lambda row: audience_of(shape, row, using)
