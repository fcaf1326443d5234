"""Records what existed before its model was registered, so that clients can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connections, models, transaction

from sync import recording
from sync.conf import conf
from sync.context import BACKFILL
from sync.keyset import behind
from sync.log_state import newest_entries
from sync.publishing import publish
from sync.registry import registry
from sync.shape import Shape, shape_of

BATCH: Final = 500
"""Records read, locked and recorded by one transaction."""


def backfill(model: type[models.Model], using: str) -> Iterator[tuple[int, int]]:
    """Record every record of a model that the log does not know.

    Yields `(read, recorded)` after each batch. Safe to run while others write and to run again:
    each batch locks its rows, so that its entries come before those of later writes. Publishes
    what it has recorded, for what waits for a number is looked through for each batch.
    """
    shape = shape_of(registry.get(model), model)
    last: Any = None
    waiting = 0
    while True:
        if waiting >= conf().PUBLISH_BATCH:
            publish(using)
            waiting = 0
        with transaction.atomic(using=using):
            rows = _next_rows(shape, using, last)
            if not rows:
                return
            recorded = _record_unknown(shape, rows, using)
        last = shape.key(rows[-1])
        waiting += recorded
        yield len(rows), recorded


def _next_rows(shape: Shape, using: str, last: tuple[Any, ...] | None) -> list[tuple[Any, ...]]:
    keys = [field.attname for field in shape.key_fields]
    rows: models.QuerySet[Any] = models.QuerySet(shape.model, using=using).order_by(*keys)
    if last is not None:
        rows = rows.filter(behind(keys, last))
    if connections[using].features.has_select_for_update:
        rows = rows.select_for_update()
    return list(rows.values_list(*shape.names)[:BATCH])


def _record_unknown(shape: Shape, rows: list[tuple[Any, ...]], using: str) -> int:
    ids = {shape.record_id(row): row for row in rows}
    known = newest_entries(shape.table, ids.keys(), using)
    new = ((recording.INSERT, row) for record_id, row in ids.items() if record_id not in known)
    return recording.write_entries(shape, new, using, source=BACKFILL)
