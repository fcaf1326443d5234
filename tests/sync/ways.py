"""The ways in which a write is captured, and which of them a write really takes.

`WAYS` is what each kind of statement is meant to do on each database. Which one ran is told by the
SQL that the database got, and not by the code that sent it: the two can disagree.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pytest
from django.db import connections
from django.db.models.constants import OnConflict
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from sync import cascades
from sync.entry_sql import WRITTEN
from sync.recorders import PREFIX
from sync.registry import registry
from sync.shape import shape_of
from sync.write_plans import plan_for
from tests.support.environment import database_kind

ONE: Final = "one statement"
RETURNED: Final = "returned"
COMPARED: Final = "compared"
XMAX: Final = "xmax"
READ: Final = "read around"
FOLLOWED: Final = "followed"
UNSEEN: Final = "not seen"

ORDER: Final = (ONE, RETURNED, COMPARED, XMAX, READ, FOLLOWED, UNSEEN)

WAYS: Final = {
    "insert": {"sqlite": RETURNED, "postgresql": ONE, "mariadb": RETURNED},
    "insert that ignores conflicts": {
        "sqlite": RETURNED,
        "postgresql": ONE,
        "mariadb": RETURNED,
    },
    "insert that updates conflicts": {"sqlite": COMPARED, "postgresql": ONE, "mariadb": COMPARED},
    "update": {"sqlite": RETURNED, "postgresql": ONE, "mariadb": READ},
    "update of several tables": {"sqlite": RETURNED, "postgresql": RETURNED, "mariadb": READ},
    "update of a key": {"sqlite": COMPARED, "postgresql": COMPARED, "mariadb": READ},
    "delete": {"sqlite": RETURNED, "postgresql": ONE, "mariadb": READ},
    "delete that the database spreads": {
        "sqlite": FOLLOWED,
        "postgresql": FOLLOWED,
        "mariadb": FOLLOWED,
    },
}

IN_PYTHON: Final = {
    "insert": RETURNED,
    "insert that ignores conflicts": RETURNED,
    "insert that updates conflicts": XMAX,
    "update": RETURNED,
    "delete": RETURNED,
}
"""What becomes on PostgreSQL of a write for which it has no plan."""

METHODS: Final = (
    (SQLInsertCompiler, "execute_sql"),
    (SQLUpdateCompiler, "execute_sql"),
    (SQLUpdateCompiler, "execute_returning_sql"),
    (SQLDeleteCompiler, "execute_sql"),
)
WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclasses.dataclass
class Call:
    """One call of a write compiler, and what it made the database do to the host's tables."""

    kind: str
    sql: list[str] = dataclasses.field(default_factory=list)
    is_followed: bool = False
    is_left_to_python: bool = False
    """Whether PostgreSQL has no plan for it: a column that only Python reads, or a transaction that
    the host ends."""

    @property
    def expected(self) -> str:
        """Return how it is to be captured on this database."""
        way = WAYS[self.kind][database_kind()]
        return IN_PYTHON[self.kind] if self.is_left_to_python and way == ONE else way

    @property
    def way(self) -> str | None:
        """Return how it was captured; None where nothing reached the database."""
        if self.is_followed:
            return FOLLOWED
        if self.sql and _has_its_entries(self.sql[-1]):
            return ONE
        verbs = [sql.split(None, 1)[0] for sql in self.sql]
        writes = [sql for sql in self.sql if sql.startswith(WRITES)]
        if any("xmax" in sql for sql in writes):
            return XMAX
        if not writes or verbs[-1] == "SELECT" or "RETURNING" not in writes[-1]:
            return READ if "SELECT" in verbs else UNSEEN if writes else None
        return COMPARED if "SELECT" in verbs else RETURNED


def _has_its_entries(sql: str) -> bool:
    write, _, entries = sql.partition(" RETURNING ")
    if f".{PREFIX}" in entries:
        return write.startswith(WRITES)
    return write.startswith(f"WITH {WRITTEN} AS (") and 'INSERT INTO "sync_log"' in entries


@contextmanager
def observed_calls() -> Iterator[list[Call]]:
    """Give a list that fills with the calls of the block that write registered tables."""
    calls: list[Call] = []
    open_calls: list[Call] = []
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for owner, name in METHODS:
            if method := getattr(owner, name, None):
                patch.setattr(owner, name, _observing(method, calls, open_calls))
        patch.setattr(SQLUpdateCompiler, "pre_sql_setup", _deaf(open_calls))
        follow = cascades.delete

        def following(*args: Any) -> Any:
            open_calls[-1].is_followed = True
            open_calls[-1].kind = "delete that the database spreads"
            return follow(*args)

        patch.setattr(cascades, "delete", following)
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(_listening(open_calls)))
        yield calls


def _observing(method: Any, calls: list[Call], open_calls: list[Call]) -> Callable[..., Any]:
    @functools.wraps(method)
    def execute(compiler: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(_kind(compiler))
        registration = registry.find(compiler.query.get_meta().db_table)
        is_registered = registration is not None
        if registration is not None:
            shape = shape_of(registration, compiler.query.get_meta().concrete_model)
            call.is_left_to_python = plan_for(compiler.connection, shape) is None
        open_calls.append(call)
        try:
            return method(compiler, *args, **kwargs)
        finally:
            open_calls.pop()
            if is_registered or call.is_followed:
                calls.append(call)

    return execute


def _deaf(open_calls: list[Call]) -> Callable[..., Any]:
    """Return the method by which Django itself reads which parents of multi-table children to
    update, made to do so unheard."""
    original = SQLUpdateCompiler.pre_sql_setup

    def pre_sql_setup(compiler: Any) -> Any:
        open_calls.append(Call(""))
        try:
            return original(compiler)
        finally:
            open_calls.pop()

    return pre_sql_setup


def _listening(open_calls: list[Call]) -> Callable[..., Any]:
    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if open_calls and _is_about_the_host(sql, context["connection"]):
            open_calls[-1].sql.append(sql)
        return execute(sql, params, many, context)

    return listen


def _is_about_the_host(sql: str, connection: Any) -> bool:
    quote = connection.ops.quote_name
    return any(quote(registration.table) in sql for registration in registry)


def _kind(compiler: Any) -> str:
    query = compiler.query
    if isinstance(compiler, SQLInsertCompiler):
        conflicts = {
            OnConflict.IGNORE: "insert that ignores conflicts",
            OnConflict.UPDATE: "insert that updates conflicts",
        }
        return conflicts.get(query.on_conflict, "insert")
    if isinstance(compiler, SQLDeleteCompiler):
        return "delete"
    keys = query.get_meta().pk_fields
    if any(f in keys for f, _, _ in query.values):
        return "update of a key"
    return "update of several tables" if query.related_updates else "update"
