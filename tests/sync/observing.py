"""What the tests ask of the log, and a reading of the database to hold it against."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models
from django.db.models import Max
from django.test.utils import CaptureQueriesContext

from sync import codec
from sync.models import SyncLog
from sync.recorders import PREFIX
from tests.support.state import State

Entry = tuple[str, str, str]


@contextmanager
def recorded() -> Iterator[list[SyncLog]]:
    """Give a list that holds, after the block, the entries the block has added, in order."""
    last = SyncLog.objects.aggregate(last=Max("id"))["last"] or 0
    entries: list[SyncLog] = []
    yield entries
    entries += SyncLog.objects.filter(id__gt=last).order_by("id")


def brief(entries: Iterable[SyncLog]) -> list[Entry]:
    """Return what the entries say happened: table, record and action."""
    return [(entry.table, entry.record_id, entry.action) for entry in entries]


def applied(state: State, entries: Iterable[SyncLog]) -> State:
    """Return the state that a client reaches which applies the entries to this one."""
    state = dict(state)
    for entry in entries:
        key = entry.table, entry.record_id
        if entry.action == SyncLog.Action.DELETE:
            state.pop(key, None)
        else:
            state[key] = entry.values
    return state


def name_of(instance: models.Model) -> str:
    """Return the id under which the log knows the instance's record."""
    keys = instance._meta.pk_fields
    return codec.record_id([getattr(instance, field.attname) for field in keys], keys)


def insert(instance: models.Model, model: Any = None) -> Entry:
    """Return the entry of an insert; `model` names the parent whose row is meant."""
    return (model or instance)._meta.db_table, name_of(instance), "insert"


def update(instance: models.Model, model: Any = None) -> Entry:
    """Return the entry of an update."""
    return (model or instance)._meta.db_table, name_of(instance), "update"


def delete(instance: models.Model, model: Any = None) -> Entry:
    """Return the entry of a delete; to be asked before, for a deleted instance has no key."""
    return (model or instance)._meta.db_table, name_of(instance), "delete"


class Statements(CaptureQueriesContext):
    """Collect the SQL of a block, without what opens and ends transactions."""

    FRAMES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def sql(self) -> list[str]:
        # What is executed for many rows at once is logged as "500 times: INSERT ...", and what
        # begins a transaction on the same trip as "BEGIN; INSERT ...".
        before = r"^(\d+ times: |BEGIN; )"
        found = [re.sub(before, "", query["sql"]) for query in self.captured_queries]
        return [sql for sql in found if not sql.startswith(self.FRAMES)]

    def __len__(self) -> int:
        return len(self.sql)


def inserts_into_log(sql: str) -> bool:
    """Tell whether a statement adds entries, however the database quotes names."""
    table = connection.ops.quote_name(SyncLog._meta.db_table)
    return f"INSERT INTO {table}" in sql or f".{PREFIX}" in sql


def pending(
    record_id: str,
    transaction: uuid.UUID,
    *,
    action: str = "update",
    data: dict[str, Any] | None = None,
    audience: str = "everyone",
    table: str = "testapp_owner",
) -> SyncLog:
    """Add an entry as a committed write leaves it, with the next id of the log."""
    [entry] = SyncLog._base_manager.bulk_create(
        [
            SyncLog(
                table=table,
                record_id=record_id,
                action=action,
                data=codec.to_json(data or {"id": record_id}),
                audience=audience,
                transaction=transaction,
                source="task",
            )
        ]
    )
    return entry


def published() -> list[SyncLog]:
    """Return the entries that have their place in the order, in that order."""
    return list(SyncLog.objects.published().order_by("seq"))
