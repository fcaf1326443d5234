"""Emptying the databases between two tests: quickly, and beside a hub that outlives them.

Django's own way empties every table and then makes all content types and permissions anew, which
takes longer than most tests do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import OperationalError, connections
from django.db.backends.base.operations import BaseDatabaseOperations

ATTEMPTS: Final = 10

KEPT: Final = ("django_content_type", "auth_permission")
"""What migrating made, and a test hardly ever changes."""

_kept: dict[str, list[int]] = {}
"""How many rows of that each database has."""

_flush = BaseDatabaseOperations.execute_sql_flush


_lasting: list[bool] = []


@contextmanager
def lasting_rows() -> Iterator[None]:
    """Keep the rows from being emptied between the tests of a block, which share them."""
    _lasting.append(True)
    try:
        yield
    finally:
        _lasting.pop()


def empty_log() -> None:
    """Remove every entry of the log; its head stays where it is."""
    from sync.models import Newest, SyncLog

    for model in (Newest, SyncLog):
        model._base_manager.all()._raw_delete("default")


def empty_quickly(test_case: Any) -> None:
    """Empty the tables that hold rows; the first time, and where a test has changed what is kept,
    as Django does it."""
    if _lasting:
        return
    for alias in test_case._databases_names(include_mirrors=False):
        connection = connections[alias]
        if _counts(connection) != _kept.get(alias):
            call_command("flush", verbosity=0, interactive=False, database=alias)
            _kept[alias] = _counts(connection)
        elif filled := _filled(connection):
            statements = connection.ops.sql_flush(no_style(), filled, allow_cascade=True)
            connection.ops.execute_sql_flush(statements)


def flush_patiently(operations: Any, sql_list: Sequence[str]) -> None:
    """Empty the tables, once more where the database chose this for the victim of a deadlock.

    It locks all tables one after the other, and what a hub has locked of them meanwhile in another
    order makes a circle, which no order of the hub's own can rule out.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return _flush(operations, sql_list)
        except OperationalError:
            if not left:
                raise


def _filled(connection: Any) -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = sorted(set(tables) - set(KEPT))
    return list(itertools.compress(tables, _have_rows(connection, tables)))


def _have_rows(connection: Any, tables: Sequence[str]) -> tuple[Any, ...]:
    quote = connection.ops.quote_name
    looks = ", ".join(f"EXISTS (SELECT 1 FROM {quote(table)})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {looks}")
        found: tuple[Any, ...] = cursor.fetchone()
    return found


def _counts(connection: Any) -> list[int]:
    looks = ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in KEPT)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {looks}")
        return list(cursor.fetchone())
