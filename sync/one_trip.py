"""Tells PostgreSQL who writes together with the write, where that is a transaction of its own.

Outside a transaction a write that triggers record would take four trips: BEGIN, the settings, the
write, COMMIT. Statements sent as one text are one transaction to PostgreSQL (manual, "Multiple
Statements in a Simple Query"), so the settings go in front of the write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sync.shape import Compiler

_WRITES: Final = ("INSERT ", "UPDATE ", "DELETE ")


def is_enough(compiler: Compiler) -> bool:
    """Tell whether a write is one statement and all of its transaction.

    Parameters bound by the server exclude several statements in one text.
    """
    connection = compiler.connection
    if connection.in_atomic_block or not connection.get_autocommit():
        return False
    if getattr(compiler.query, "related_updates", None):
        return False
    return connection.settings_dict["OPTIONS"].get("server_side_binding") is not True


def write(
    connection: Any, setting: str, values: Sequence[str], execute_write: Callable[[], Any]
) -> Any:
    """Execute a write with a statement in front of it, whose own result nobody asks for."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    def tell(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if many or not sql.startswith(_WRITES):
            return execute(sql, params, many, context)
        result = execute(f"{setting}; {sql}", [*values, *(params or ())], many, context)
        if is_psycopg3:  # psycopg2 is at the last result already
            context["cursor"].nextset()
        return result

    with connection.execute_wrapper(tell):
        return execute_write()
