"""Turns rows that were written into entries of the log, in the transaction that wrote them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.db import models, router, transaction
from django.utils import timezone

from sync.context import current
from sync.errors import CaptureError
from sync.inserting import Entry, insert_entries
from sync.registry import MAX_AUDIENCE_LENGTH, registry
from sync.shape import Shape, shape_of
from sync.transactions import transaction_id

INSERT: Final = "insert"
UPDATE: Final = "update"
DELETE: Final = "delete"

CHUNK: Final = 500
"""Records looked up by one statement: below the 999 parameters of SQLite."""

MAX_RECORD_ID_LENGTH: Final = 255

ENTRIES: Final = 2000
"""Entries held in memory while a mass write is recorded."""

Row = Sequence[Any]


def write_entries(
    shape: Shape, rows: Iterable[tuple[str, Row]], using: str, *, source: str = ""
) -> int:
    """Record rows, given as `(action, row)`, as one entry each, in the open transaction.

    Sends `recorded`, and `post_save` for each entry to whoever listens. Returns how many entries
    were written.
    """
    entries, written = _entries(shape, rows, using), 0
    common: dict[str, Any] = {}
    while chunk := list(itertools.islice(entries, ENTRIES)):
        common = common or _common(shape, using, source)
        insert_entries(using, common, chunk)
        written += len(chunk)
    return written


def record(model: type[models.Model], pks: Iterable[Any], *, using: str | None = None) -> int:
    """Record the present state of records that raw SQL or another program wrote.

    `pks` are primary keys (tuples where they are composite) or instances, of which only the key
    counts. Call it in the transaction of the write. Records that are gone are not recorded: name
    them to `record_deleted`. Returns how many entries were written.
    """
    shape = _present_shape(model)
    alias = using or router.db_for_write(model)
    with transaction.atomic(using=alias, savepoint=False):
        return sum(
            write_entries(shape, ((UPDATE, row) for row in shape.select(chunk, alias)), alias)
            for chunk in _chunks(pks)
        )


def record_deleted(
    model: type[models.Model],
    records: Iterable[Mapping[str, Any] | models.Model],
    *,
    using: str | None = None,
) -> int:
    """Record that records are gone, each given as the mapping of column values it had, or as the
    instance it was.

    It must hold the primary key and what the audience is made of; raises `CaptureError` where it
    does not. Returns how many entries were written.
    """
    shape = _present_shape(model)
    alias = using or router.db_for_write(model)
    rows = [(DELETE, shape.row_of(_values(record))) for record in records]
    with transaction.atomic(using=alias, savepoint=False):
        return write_entries(shape, rows, alias)


def _entries(shape: Shape, rows: Iterable[tuple[str, Row]], using: str) -> Iterator[Entry]:
    for action, row in rows:
        audience = audience_of(shape, row, using)
        yield Entry(_record_id(shape, row), action, shape.data(row), audience)


def _common(shape: Shape, using: str, source: str) -> dict[str, Any]:
    """Return what all entries of one write share: table, transaction, who, from where and why."""
    mark = transaction_id(transaction.get_connection(using))
    return {"table": shape.table, "transaction": mark, **origin(source)}


def origin(source: str = "") -> dict[str, Any]:
    """Return the columns of an entry that say who makes it now, from where and why."""
    context = current()
    actor_id, actor = context.who()
    return {
        "actor_id": actor_id,
        "actor": actor,
        "source": source or context.where(),
        "client_id": context.client_id,
        "request_id": context.request_id,
        "reason": context.reason,
        "recorded_at": timezone.now(),
    }


def _present_shape(model: type[models.Model]) -> Shape:
    return shape_of(registry.get(model), model._meta.concrete_model or model)


def _record_id(shape: Shape, row: Row) -> str:
    record_id = shape.record_id(row)
    if len(record_id) > MAX_RECORD_ID_LENGTH:
        raise key_refused(shape.table)
    return record_id


def audience_of(shape: Shape, row: Row, using: str) -> str:
    """Return who hears a row's record, or raise `CaptureError` for what the log cannot hold."""
    audience = shape.registration.audience_of(
        shape.audience_values(row), lambda: shape.instance(row, using)
    )
    if not 0 < len(audience) <= MAX_AUDIENCE_LENGTH:
        raise audience_refused(shape.table)
    return audience


def key_refused(table: str) -> CaptureError:
    """Return what is raised where the log cannot hold the name of a record."""
    return CaptureError(
        f"The primary key of a {table} record is longer than the {MAX_RECORD_ID_LENGTH} characters"
        " that the log holds: shorten it, or do not register the model."
    )


def audience_refused(table: str) -> CaptureError:
    """Return what is raised where the log cannot hold who hears a record."""
    return CaptureError(
        f"The audience of a {table} record must have 1 to {MAX_AUDIENCE_LENGTH} characters: see"
        " audience= where it is registered."
    )


def _values(record: Mapping[str, Any] | models.Model) -> Mapping[str, Any]:
    """Return what was loaded: a deferred column cannot be read any more."""
    return vars(record) if isinstance(record, models.Model) else record


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    pending = [item.pk if isinstance(item, models.Model) else item for item in items]
    for start in range(0, len(pending), CHUNK):
        yield pending[start : start + CHUNK]
