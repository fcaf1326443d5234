"""The SQL of a table's triggers: the entries that `sync.recording` makes in Python, made by
PostgreSQL, one INSERT for each statement that changed rows.

Statement triggers see the rows of a statement as tables, so a mass write pays for one insert into
the log and not for one a row.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from sync.context import DATABASE, MAX_ID_LENGTH, MAX_TEXT_LENGTH
from sync.inserting import NEW
from sync.record_sql import MAX_NAME_LENGTH, audience_sql, data_sql, quoted, record_id_sql
from sync.shape import Shape

TRANSACTION_SETTING: Final = "sync_hub.transaction"
"""The setting that holds the id of the open transaction, for its length."""

CONTEXT_SETTING: Final = "sync_hub.context"
"""The setting that says who writes and why, as a JSON object, for the length of a transaction."""

PREFIX: Final = "sync_hub_"

TRIGGERS: Final = {
    f"{PREFIX}insert": "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows",
    f"{PREFIX}update": "AFTER UPDATE ON {table}"
    " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    f"{PREFIX}delete": "AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows",
    f"{PREFIX}truncate": "BEFORE TRUNCATE ON {table}",
}
"""Their names and events; PostgreSQL allows transition tables to triggers of one event only."""

# Columns are called anything, also as a variable is: so the variables carry the block's name.
_BODY: Final = """
#variable_conflict use_column
<<hub>>
DECLARE
  said text := nullif(current_setting('{context}', true), '');
  context jsonb := coalesce(said::jsonb, jsonb_build_object(
    'source', '{source}', 'actor', 'postgres role ' || session_user));
  mark text := nullif(current_setting('{transaction}', true), '');
  moment timestamptz := clock_timestamp();
BEGIN
  IF hub.mark IS NULL THEN
    hub.mark := gen_random_uuid()::text;
    PERFORM set_config('{transaction}', hub.mark, true);
  END IF;
  IF TG_OP = 'INSERT' THEN
    {insert};
  ELSIF TG_OP = 'DELETE' THEN
    {delete};
  ELSIF TG_OP = 'TRUNCATE' THEN
    {truncate};
  ELSIF EXISTS (SELECT {keys} FROM old_rows EXCEPT SELECT {keys} FROM new_rows) THEN
    -- A record whose key changed is another record to a client.
    {delete} WHERE ({keys}) NOT IN (SELECT {keys} FROM new_rows);
    {insert} WHERE ({keys}) NOT IN (SELECT {keys} FROM old_rows);
    {update} WHERE ({keys}) IN (SELECT {keys} FROM old_rows);
  ELSE
    {update};
  END IF;
  RETURN NULL;
END
"""

# Cut as the context is cut in Python: a write must not fail over what explains it.
_WHO: Final = {
    "actor_id": MAX_TEXT_LENGTH,
    "actor": MAX_TEXT_LENGTH,
    "source": 16,
    "client_id": MAX_ID_LENGTH,
    "request_id": MAX_ID_LENGTH,
    "reason": MAX_TEXT_LENGTH,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """What the triggers of one table are to do; names are quoted and have their schema."""

    table: str
    function: str
    body: str

    def function_statements(self) -> list[str]:
        """Return the SQL that makes or replaces the function.

        It runs with the rights of its owner, for a program that may write the table need not be
        allowed to write the log; so no name is looked up where others may create, and nobody else
        may put it on a table of his own.
        """
        return [
            f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql"
            f" SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
            f" AS $sync_hub${self.body}$sync_hub$",
            f"REVOKE ALL ON FUNCTION {self.function}() FROM PUBLIC",
        ]

    def trigger_statement(self, name: str) -> str:
        """Return the SQL that makes one of the `TRIGGERS`, or points it to the function."""
        event = TRIGGERS[name].format(table=self.table)
        return (
            f"CREATE OR REPLACE TRIGGER {name} {event}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {self.function}()"
        )


def define(
    shape: Shape, connection: BaseDatabaseWrapper, *, table_schema: str, log_schema: str
) -> Definition:
    """Return the definition of a table's triggers; the schemas are quoted names.

    Raises `NotInSQL` where PostgreSQL cannot write the entries as Python does.
    """
    quote = connection.ops.quote_name
    table = f"{table_schema}.{quote(shape.table)}"
    entries = {
        "insert": _entries(shape, connection, log_schema, "insert", "new_rows"),
        "update": _entries(shape, connection, log_schema, "update", "new_rows"),
        "delete": _entries(shape, connection, log_schema, "delete", "old_rows"),
        "truncate": _entries(shape, connection, log_schema, "delete", table),
    }
    key_fields: list[Any] = shape.key_fields
    keys = ", ".join(quote(field.column) for field in key_fields)
    names = {"context": CONTEXT_SETTING, "transaction": TRANSACTION_SETTING, "source": DATABASE}
    return Definition(
        table=table,
        function=f"{log_schema}.{quote(function_name(shape.table))}",
        body=_BODY.format(keys=keys, **names, **entries),
    )


def function_name(table: str) -> str:
    """Return the name of a table's function, within the length of PostgreSQL's names."""
    name = f"{PREFIX}capture_{table}"
    if len(name.encode()) <= MAX_NAME_LENGTH:
        return name
    return f"{PREFIX}capture_{hashlib.sha256(table.encode()).hexdigest()[:32]}"


def _entries(
    shape: Shape, connection: BaseDatabaseWrapper, schema: str, action: str, rows: str
) -> str:
    who = {
        name: f"left(coalesce(hub.context->>'{name}', ''), {size})" for name, size in _WHO.items()
    }
    values = {
        "table": quoted(shape.table),
        "record_id": record_id_sql(shape, "r", connection, schema),
        "action": quoted(action),
        "data": data_sql(shape, "r", connection, schema),
        # Nobody would hear an empty audience: it becomes null, which the log refuses.
        "audience": f"nullif({audience_sql(shape, 'r', connection, schema)}, '')",
        **NEW,
        "transaction": "hub.mark::uuid",
        **who,
        "recorded_at": "hub.moment",
    }
    columns = ", ".join(map(connection.ops.quote_name, values))
    selected = ", ".join(values.values())
    return f"INSERT INTO {schema}.sync_log ({columns}) SELECT {selected} FROM {rows} AS r"
