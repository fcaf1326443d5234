"""A function of PostgreSQL for each table, which writes the entry of one row.

    UPDATE ... RETURNING sync_hub_record_<digest>('update', who and why, the columns of the row)

The server plans a statement each time it comes, and keeps the plan of what a function does: so a
write of one record costs it about half of what it does where the entry is spelt out. Many rows are
cheaper to insert together than one by one, and are written without it.

The digest is that of the function's text. A process calls the one that does what its own
registration says, or none, so processes of two versions of a host write side by side.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any, Final

from sync.entry_sql import ORIGIN, WRITTEN, insert_sql
from sync.shape import Shape

PREFIX: Final = "sync_hub_record_"

MAX_ARGUMENTS: Final = 100
"""Arguments of a function, as PostgreSQL is built (manual, "PostgreSQL Limits")."""

_WIDEST: Final = {"varchar": "text", "smallint": "bigint", "integer": "bigint"}
"""Types whose function also takes the columns of older tables, which are narrower or wider."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recorder:
    """The function of one table, in the schema of its log."""

    schema: str
    name: str
    """Says what it does."""
    types: str
    body: str
    given: str
    """What it is called with besides an action: `%s` for each of `ORIGIN`, and the columns."""

    @property
    def statement(self) -> str:
        """The SQL that makes it. It looks the log up as the process does, for a search path says
        which tenant's it is; and it has the rights of whoever writes."""
        return (
            f"CREATE OR REPLACE FUNCTION {self.schema}.{self.name}({self.types}) RETURNS void"
            f" LANGUAGE plpgsql AS $sync_hub${self.body}$sync_hub$"
        )

    def call(self, action: str) -> str:
        """Return the call, an expression in a RETURNING."""
        return f"{self.schema}.{self.name}({action}, {self.given})"


def define(shape: Shape, connection: Any, schema: str, returned: str) -> Recorder | None:
    """Return the function of a table whose entries are made of `returned`; None where it has too
    many columns."""
    blank = {name for name, way in shape.registration.redact.items() if way == "blank"}
    own: list[Any] = [field for field in shape.fields if field.attname not in blank]
    first = 2 + len(ORIGIN)
    if first + len(own) - 1 > MAX_ARGUMENTS:
        return None
    names = [connection.ops.quote_name(field.column) for field in own]
    row = ", ".join(f"${place} AS {name}" for place, name in enumerate(names, first))
    insert = insert_sql(
        connection.alias, shape.table, "$1", [f"${place}" for place in range(2, first)]
    )
    types = ", ".join(("text", *ORIGIN.values(), *(_type(field, connection) for field in own)))
    rows = f"(SELECT {returned} FROM (SELECT {row}) AS sync_row) AS {WRITTEN}"
    # A variable of every function is called as a column may be: `found`.
    body = f"\n#variable_conflict use_column\nBEGIN\n  {insert} {rows};\nEND\n"
    name = f"{PREFIX}{hashlib.sha256(f'{types}{body}'.encode()).hexdigest()[:32]}"
    return Recorder(schema, name, types, body, ", ".join((*["%s"] * len(ORIGIN), *names)))


def can_call(connection: Any, recorder: Recorder) -> bool:
    """Tell whether the function is there, as it must be, and this role may execute it.

    One with a search path or an owner's rights would write another log than the process does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.prosrc = %s AND p.proconfig IS NULL AND NOT p.prosecdef"
            " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE quote_ident(n.nspname) = %s AND p.proname = %s"
            " AND has_function_privilege(p.oid, 'EXECUTE')",
            [recorder.body, recorder.schema, recorder.name],
        )
        return bool(cursor.fetchall() == [(True,)])


def _type(field: Any, connection: Any) -> str:
    name = re.sub(r"\s*\(.*\)", "", field.db_type(connection))
    return _WIDEST.get(name, name)
