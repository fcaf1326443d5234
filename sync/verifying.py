"""Compares a table with what the log says of it, reading again only what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from django.db import models

from sync.checksums import Advance
from sync.differences import Difference, differences
from sync.publishing import publish
from sync.ranges import RANGE_SIZE, Extent, extent_of, type_number
from sync.registry import registry
from sync.shape import Shape, shape_of
from sync.sides import sides_of
from sync.snapshots import snapshot

HELD: Final = 200_000
"""Records of differing ranges whose digests are held in memory at once."""

MAX_RANGES_AT_ONCE: Final = 50
"""Differing ranges that one statement asks for: SQLite limits the depth of a condition."""

CHUNK: Final = 500
"""Records read again by one snapshot: below the 999 parameters of SQLite."""


class Verification:
    """A comparison of one model's table with the log, to be run once.

    `advance` is told of rows as they are read; both sides together are `rows`, about.
    """

    def __init__(
        self, model: type[models.Model], using: str, *, range_size: int = RANGE_SIZE
    ) -> None:
        if range_size < 1:
            raise ValueError(f"A range has at least one record, not {range_size}.")
        self.shape: Shape = shape_of(registry.get(model), model)
        self.using = using
        self.ranges = 0
        """Ranges that were compared."""
        self.read = 0
        """Ranges of these that differed, and were read record by record."""
        self.kinds: Counter[str] = Counter()
        """How many differences of each kind were found."""
        self.records = 0
        """Records found in the table."""
        publish(using)
        self._extent: Extent = extent_of(self.shape, using, range_size)
        self.rows = self._extent.rows + self._extent.entries
        self._table, self._log = sides_of(self.shape, using, self._extent.ranges)

    def differences(self, advance: Advance = lambda rows: None) -> Iterator[Difference]:
        """Yield every difference that was there all the time; safe while others write.

        What differed at first is read again, row and entry in one moment, so that a write between
        two looks is not taken for a difference.
        """
        with snapshot(self.using, is_long=True):
            table, log = self._table.checksums(advance), self._log.checksums(advance)
        self.ranges = len(table.keys() | log.keys())
        self.records = sum(count for count, _ in table.values())
        differing = {
            number: max(table.get(number, _NOTHING)[0], log.get(number, _NOTHING)[0])
            for number in table.keys() | log.keys()
            if table.get(number) != log.get(number)
        }
        self.read = len(differing)
        for numbers in _batches(differing):
            yield from self._confirmed(self._candidates(numbers))

    def _candidates(self, numbers: Collection[type_number]) -> list[str]:
        with snapshot(self.using, is_long=True):
            table, log = self._table.digests(numbers), self._log.digests(numbers)
        return [name for name in {**log, **table} if table.get(name) != log.get(name)]

    def _confirmed(self, record_ids: list[str]) -> Iterator[Difference]:
        for start in range(0, len(record_ids), CHUNK):
            publish(self.using)
            with snapshot(self.using):
                found = differences(self.shape, record_ids[start : start + CHUNK], self.using)
            for one in found:
                self.kinds.update(one.kinds)
                yield one


_NOTHING: Final = (0, 0)


def _batches(differing: dict[type_number, int]) -> Iterator[list[type_number]]:
    """Yield the numbers of ranges, as many at a time as memory and one statement can take."""
    batch: list[type_number] = []
    held = 0
    for number, records in sorted(differing.items(), key=lambda item: (item[0] is None, item[0])):
        if batch and (held + records > HELD or len(batch) == MAX_RANGES_AT_ONCE):
            yield batch
            batch, held = [], 0
        batch.append(number)
        held += records
    if batch:
        yield batch
