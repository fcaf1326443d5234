"""Which tables PostgreSQL records by itself, and what it is told of each transaction.

Where a table has its triggers, the ORM writes no entries for it: it says who writes and why, in a
setting of the transaction, and leaves the rest to them. Where it has none the ORM records as ever,
so that a trigger that was never installed loses nothing.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from django.db import connections, models, transaction

from sync import codec, one_trip
from sync.conf import conf
from sync.context import current
from sync.ordered_ids import ordered_id
from sync.shape import Compiler, Shape
from sync.signals import recorded
from sync.trigger_sql import CONTEXT_SETTING, TRANSACTION_SETTING, TRIGGERS

TRIGGER: Final = "trigger"

_TABLES: Final = "_sync_triggered"
_TOLD: Final = "_sync_told"
_FITTED: Final = "_sync_fitted"

_generations: Final = itertools.count()
_generation: list[int] = [next(_generations)]


def forget() -> None:
    """Have every connection of this process ask again which tables have triggers."""
    _generation[0] = next(_generations)


def has_captors(connection: Any) -> bool:
    """Tell whether triggers are to record what is written over this connection."""
    return conf().CAPTURE == TRIGGER and connection.vendor == "postgresql"


def is_captor(connection: Any, table: str) -> bool:
    """Tell whether the database itself records the changes of a table.

    Asked once for each connection: a process that runs while triggers are installed goes on to
    record, twice over, until it is started again, which is harmless; one that runs while they are
    removed records nothing.
    """
    if not has_captors(connection):
        return False
    known = getattr(connection, _TABLES, None)
    if known is None or known[0] != _generation[0]:
        known = _generation[0], _triggered(connection)
        setattr(connection, _TABLES, known)
    return table in known[1]


def captures(model: type[models.Model], using: str) -> bool:
    """Tell whether what raw SQL does to a model on an alias is recorded by the database."""
    return is_captor(connections[using], model._meta.db_table)


def leave(compiler: Compiler, shape: Shape, write: Callable[[], Any], source: str = "") -> Any:
    """Execute a write that triggers record, and have its commit announced."""
    from sync.models import SyncLog

    using, connection = compiler.using, compiler.connection
    if shape.model.__module__ != "__fake__" and one_trip.is_enough(compiler):
        mark = ordered_id()
        result = one_trip.write(connection, _TELL, [str(mark), _said(source)], write)
        recorded.send(SyncLog, using=using, transaction=mark)
        return result
    with transaction.atomic(using=using, savepoint=False):
        _refit_for_a_migration(connection, shape)
        mark = explain(connection, source)
        result = write()
        recorded.send(SyncLog, using=using, transaction=mark)
    return result


def explain(connection: Any, source: str = "") -> uuid.UUID:
    """Tell the database who writes and why; returns the id of the open transaction.

    Says it once as long as it stays the same. The id may be one that a trigger made, for a write
    of raw SQL that came first.
    """
    said = _said(source)
    told = _told(connection)
    if told is not None and told.said == said:
        return told.id
    own = ordered_id() if told is None else told.id
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [str(own), said])
        found = uuid.UUID(cursor.fetchone()[0])
    told = _Told(found, said)
    transaction.on_commit(told, using=connection.alias)
    setattr(connection, _TOLD, (len(connection.run_on_commit) - 1, told))
    return found


_TELL: Final = (
    f"SELECT set_config('{TRANSACTION_SETTING}',"
    f" coalesce(nullif(current_setting('{TRANSACTION_SETTING}', true), ''), %s), true),"
    f" set_config('{CONTEXT_SETTING}', %s, true)"
)


class _Told:
    """An on-commit callback that does nothing but live as long as the settings it stands for.

    The database takes a setting back with the savepoint it was made in, and Django drops the
    callback with it: the last one left says what the settings are.
    """

    def __init__(self, mark: uuid.UUID, said: str) -> None:
        self.id = mark
        self.said = said

    def __call__(self) -> None: ...


def _told(connection: Any) -> _Told | None:
    callbacks = connection.run_on_commit
    index, told = getattr(connection, _TOLD, (0, None))
    # By its place, for a transaction may have a callback for each of many thousand writes.
    if told is not None and index < len(callbacks) and callbacks[index][1] is told:
        return told  # type: ignore[no-any-return]
    places = range(len(callbacks) - 1, -1, -1)
    index = next((place for place in places if isinstance(callbacks[place][1], _Told)), -1)
    if index < 0:
        return None
    told = callbacks[index][1]
    setattr(connection, _TOLD, (index, told))
    return told  # type: ignore[no-any-return]


def _said(source: str) -> str:
    context = current()
    actor_id, actor = context.who()
    return codec.to_json(
        {
            "actor_id": actor_id,
            "actor": actor,
            "source": source or context.where(),
            "client_id": context.client_id,
            "request_id": context.request_id,
            "reason": context.reason,
        }
    )


def _triggered(connection: Any) -> frozenset[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname = ANY(%s) AND t.tgenabled IN ('O', 'A')"
            " AND NOT t.tgisinternal AND pg_table_is_visible(c.oid)"
            " GROUP BY c.oid, c.relname HAVING count(*) = %s",
            [list(TRIGGERS), len(TRIGGERS)],
        )
        return frozenset(name for (name,) in cursor.fetchall())


def _refit_for_a_migration(connection: Any, shape: Shape) -> None:
    """Have what a data migration writes recorded with the columns the table has meanwhile."""
    if shape.model.__module__ != "__fake__":
        return
    fitted = connection.__dict__.setdefault(_FITTED, WeakSet())
    if shape.model in fitted:  # each change of a table gives a class of its own
        return
    from sync import triggers

    triggers.refit(connection, [shape.registration])
    fitted.add(shape.model)
