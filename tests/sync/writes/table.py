"""The table of writes, and what its rows are made of.

A row is a generator: it makes what the write needs, yields, writes, and yields the entries that
must have been recorded since the first yield, in any order. A row that a database or a Django has
no way to execute skips itself, with `needs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, models

import sync
from sync.registry import registry
from tests.sync.observing import Entry, update
from tests.testapp.models import Stock

FIXTURE = Path(__file__).parent.parent / "fixtures" / "stock.json"

Steps = Iterator[list[Entry] | None]


@dataclasses.dataclass(frozen=True)
class Write:
    """One row of the table."""

    steps: Callable[[], Steps]

    def __str__(self) -> str:
        return self.steps.__name__


WRITES: list[Write] = []


def write(steps: Callable[[], Steps]) -> Callable[[], Steps]:
    """Add a row."""
    WRITES.append(Write(steps))
    return steps


def stocks(*skus: str, quantity: int = 1) -> list[Stock]:
    return [Stock.objects.create(sku=sku, warehouse="north", quantity=quantity) for sku in skus]


def needs(feature: str) -> None:
    """Skip the row where the database, or the Django in use, has no such feature."""
    if not getattr(connection.features, feature, False):
        pytest.skip(f"{connection.display_name}: no {feature.removeprefix('supports_')}")


def on_conflict(*fields: str) -> dict[str, list[str]]:
    """Return the argument that names what an upsert conflicts on, where that can be named."""
    named = connection.features.supports_update_conflicts_with_target
    return {"unique_fields": list(fields)} if named else {}


def freed(*instances: models.Model) -> list[Entry]:
    """Return the updates by which Django frees rows of each other before it deletes them, on
    databases that check foreign keys at once."""
    if connection.features.can_defer_constraint_checks:
        return []
    return [update(instance) for instance in instances]


@contextmanager
def registered(model: type[models.Model]) -> Iterator[None]:
    """Register a model whose table not every database has, until the row has been looked at."""
    sync.register(model)
    try:
        yield
    finally:
        registry.remove(model)
