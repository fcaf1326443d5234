"""What PostgreSQL's catalogue says of a table whose records it is to write as texts."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from sync.errors import NotInSQL
from sync.shape import Shape

KINDRED: Final = "('{smallint,integer,bigint}'::regtype[]), ('{varchar,text}'::regtype[])"
"""Types that are written alike: Django itself leaves the keys of many-to-many tables as they were
when `DEFAULT_AUTO_FIELD` changes."""


# A number's modifier is its precision, and its scale in 11 bits, and four more; or -1.
_QUERY: Final = f"""
SELECT quote_ident(n.nspname), c.relkind IN ('r', 'p') AND NOT c.relispartition, c.relhasrules,
  found.names, found.is_finer
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (
  SELECT coalesce(array_agg(f.name), ARRAY[]::text[]), coalesce(bool_or(
    a.atttypid = 'numeric'::regtype AND f.places IS NOT NULL
    AND (a.atttypmod < 4 OR ((a.atttypmod - 4) & 2047) > f.places)), false)
  FROM unnest(%s::text[], %s::text[], %s::int[]) AS f(name, type, places)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = f.name AND NOT a.attisdropped
    AND (a.atttypid = to_regtype(f.type) OR EXISTS (
      SELECT FROM (VALUES {KINDRED}) AS k(types)
      WHERE a.atttypid = ANY(k.types) AND to_regtype(f.type) = ANY(k.types)))
) AS found(names, is_finer)
WHERE c.oid = to_regclass(%s)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class TableColumns:
    """The quoted schema of a table, the columns it has that are of their field's type, and whether
    rules rewrite what is written to it; neither schema nor columns where there is no such table."""

    schema: str = ""
    present: frozenset[str] = frozenset()
    has_rules: bool = False
    is_finer: bool = False
    """Whether a number has more decimal places than its field, so that reading it rounds."""

    def fit(self, shape: Shape) -> bool:
        """Tell whether a write can return the shape's columns as Python would read them."""
        fields: list[Any] = shape.fields
        has_all = self.present.issuperset(field.column for field in fields)
        return has_all and not self.has_rules and not self.is_finer


def table_columns(shape: Shape, connection: BaseDatabaseWrapper) -> TableColumns:
    """Compare the columns of a table with its fields.

    Raises `NotInSQL` for what is no table of its own.
    """
    fields: list[Any] = shape.fields
    names, types = [f.column for f in fields], [f.db_type(connection) for f in fields]
    places = [getattr(field, "decimal_places", None) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [names, types, places, connection.ops.quote_name(shape.table)])
        found = cursor.fetchone()
    if found is None:
        return TableColumns()
    schema, is_table, has_rules, columns, is_finer = found
    if not is_table:  # these have no transition tables, and views may be written by triggers
        raise NotInSQL(shape.registration.model._meta.label, "views, foreign tables and partitions")
    return TableColumns(schema, frozenset(columns), has_rules, is_finer)
