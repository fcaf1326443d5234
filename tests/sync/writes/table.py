"""The table of writes, and what its rows are made of.

A row is a generator: it makes what the write needs, yields, writes, and yields the entries that
must have been recorded since the first yield, in any order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.sync.observing import Entry
from tests.testapp.models import Stock

FIXTURE = Path(__file__).parent.parent / "fixtures" / "stock.json"

Steps = Iterator[list[Entry] | None]


@dataclasses.dataclass(frozen=True)
class Write:
    """One row of the table."""

    steps: Callable[[], Steps]
    changes_key: bool

    def __str__(self) -> str:
        return self.steps.__name__


WRITES: list[Write] = []


def write(steps: Callable[[], Steps]) -> Callable[[], Steps]:
    """Add a row."""
    WRITES.append(Write(steps, changes_key=False))
    return steps


def write_of_a_key(steps: Callable[[], Steps]) -> Callable[[], Steps]:
    """Add a row that changes primary keys, which needs a database that returns rows."""
    WRITES.append(Write(steps, changes_key=True))
    return steps


def stocks(*skus: str, quantity: int = 1) -> list[Stock]:
    return [Stock.objects.create(sku=sku, warehouse="north", quantity=quantity) for sku in skus]
