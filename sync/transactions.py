"""One id for all changes of one commit, on any database."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from sync import captors
from sync.ordered_ids import ordered_id

_ATTRIBUTE: Final = "_sync_transaction"


class _Mark:
    """An on-commit callback that does nothing but live exactly as long as its transaction.

    Django drops it at rollback, also when just the savepoint it was made in is rolled back, and
    then every entry that carries its id has been rolled back with it.
    """

    def __init__(self) -> None:
        self.id = ordered_id()

    def __call__(self) -> None: ...


def transaction_id(connection: BaseDatabaseWrapper) -> uuid.UUID:
    """Return the id of the open transaction; only valid inside `atomic`."""
    if captors.has_captors(connection):
        return captors.explain(connection)  # which triggers write under the same id
    mark = getattr(connection, _ATTRIBUTE, None)
    if mark is None or not any(entry[1] is mark for entry in connection.run_on_commit):
        mark = _Mark()
        setattr(connection, _ATTRIBUTE, mark)
        transaction.on_commit(mark, using=connection.alias)
    return mark.id
