"""Checksums of the ranges of a table and of its log, made by PostgreSQL: one scan of each side.

The database writes the same canonical texts as the codec, so that no row leaves it. The digests
are those of its own `hashtextextended`, the same for both sides, which one server computes. They
decide what is read again, never what is reported.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.db import connections

from sync.checksums import Advance, type_checksums
from sync.log_state import living
from sync.ranges import KeyRanges, number_in_postgresql, type_number, type_ranges
from sync.record_sql import audience_sql, data_sql, record_id_sql
from sync.shape import Shape

_DIGEST: Final = (
    "hashtextextended(data, hashtextextended(audience, hashtextextended(record_id, 0)))"
)


class SQLSide:
    """A side that the database reads by itself: records as `SELECT record_id, audience, data`."""

    _key: str = number_in_postgresql("record_id")

    def __init__(self, using: str, ranges: type_ranges) -> None:
        self._using, self._ranges = using, ranges

    def checksums(self, advance: Advance) -> type_checksums:
        """Read everything and return a checksum of each range that has records."""
        records, params = self._records()
        found = self._rows(
            f"SELECT number, count(*), sum({_DIGEST}) FROM"
            f" (SELECT {self._number()} AS number, r.* FROM ({records}) r) d GROUP BY number",
            params,
        )
        advance(sum(count for _, count, _ in found))
        return {number: (count, int(total)) for number, count, total in found}

    def digests(self, numbers: Collection[type_number]) -> dict[str, int]:
        """Return a digest of each record in these ranges."""
        records, params = self._records()
        known = [number for number in numbers if number is not None]
        odd = "" if len(known) == len(numbers) else f" OR {self._number()} IS NULL"
        found = self._rows(
            f"SELECT record_id, {_DIGEST} FROM ({records}) r WHERE {self._number()} = ANY(%s){odd}",
            [*params, known],
        )
        return dict(found)

    def _number(self) -> str:
        """Return the expression of the number of a record's range."""
        if isinstance(self._ranges, KeyRanges):
            # Rounds towards zero, so that range 0 has keys of both signs, on both sides.
            return f"({self._key}) / {self._ranges.width}"
        return f"(hashtextextended(record_id, 0) & 9223372036854775807) %% {self._ranges.count}"

    def _records(self) -> tuple[str, list[Any]]:
        raise NotImplementedError

    def _rows(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())


class SQLTable(SQLSide):
    """The rows of a table, encoded by the database.

    Raises `NotInSQL` for a table that only Python can encode.
    """

    def __init__(self, shape: Shape, using: str, ranges: type_ranges) -> None:
        super().__init__(using, ranges)
        connection = connections[using]
        record_id, audience, data = (
            expression(shape, "t", connection).replace("%", "%%")
            for expression in (record_id_sql, audience_sql, data_sql)
        )
        self._key = "key"
        quote, key = connection.ops.quote_name, str(shape.key_fields[0].column)
        self._sql = (
            f"SELECT {record_id} AS record_id, {audience} AS audience, {data} AS data,"
            f" t.{quote(key)} AS key FROM {quote(shape.table)} t"
        )

    def _records(self) -> tuple[str, list[Any]]:
        return self._sql, []


class SQLLog(SQLSide):
    """The entries that hold the present state of the records that live."""

    def __init__(self, table: str, using: str, ranges: type_ranges) -> None:
        super().__init__(using, ranges)
        self._table = table

    def _records(self) -> tuple[str, list[Any]]:
        parts, params = [], []
        for entries in living(self._table, self._using):
            query = entries.values_list("record_id", "audience", "data").query
            sql, given = query.get_compiler(self._using).as_sql()
            parts.append(sql)
            params += given
        return " UNION ALL ".join(f"({part})" for part in parts), params
