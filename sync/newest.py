"""The query of pages: the newest entry of each record and audience, in the order of the log."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any, Final

from django.db import connections

from sync import rows
from sync.conf import conf
from sync.leading import Lead
from sync.models import Newest, SyncLog
from sync.rows import Rows


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """Which audiences and tables are asked for, and which others the client holds."""

    asked: list[str]
    others: list[str]
    tables: list[str] | None

    @classmethod
    def of(
        cls,
        asked: Collection[str],
        heard: Collection[str] | None,
        tables: Collection[str] | None,
    ) -> Scope:
        """Return what was asked for; `heard` are all the audiences the client holds."""
        others = sorted(set(heard or ()) - set(asked))
        return cls(sorted(set(asked)), others, None if tables is None else sorted(set(tables)))


def newest_entries(
    using: str,
    scope: Scope,
    *,
    after: int,
    upto: int,
    floor: int,
    limit: int,
    lead: Lead | None = None,
) -> Rows:
    """Return the first entries after a number that are the newest of their record and audience.

    Deletes up to `floor` are left out, and those of records that the client has by another audience
    already, for they would take these away. Where there are any, the log had what `lead` says.
    """
    if not scope.asked or scope.tables == []:
        return Rows()
    query = _Query(using)
    if lead is not None:
        query.add_lead(lead)
    query.add("newest.seq > %s AND newest.seq <= %s", after, upto)
    query.add_among("newest.audience", scope.asked)
    if scope.tables is not None:
        query.add_among(f"newest.{query.table}", scope.tables)
    if floor > after:
        query.add("(newest.action <> %s OR newest.seq > %s)", SyncLog.Action.DELETE.value, floor)
    if scope.others:
        query.add_not_held(scope.others)
    return query.rows(limit)


def audiences_with_news(after: int, upto: int) -> frozenset[str]:
    """Return the audiences that have a newest entry of a record after a number, up to another."""
    found = Newest.objects.using(conf().DATABASE).filter(seq__gt=after, seq__lte=upto)
    return frozenset(found.order_by().values_list("audience", flat=True).distinct())


_JOINED: Final = (
    "SELECT {columns} FROM sync_newest newest CROSS JOIN sync_log entry"
    " WHERE {conditions} AND entry.id = newest.entry_id ORDER BY newest.seq LIMIT %s"
)
"""SQLite begins with the table on the left of a cross join, which is in the order of the page,
whatever it believes of both."""

_FOUND: Final = {
    "mysql": _JOINED.replace("CROSS JOIN", "STRAIGHT_JOIN"),
    # One walk through the index instead of a search for each entry.
    "postgresql": (
        "SELECT {columns} FROM sync_log entry WHERE entry.seq = ANY(ARRAY("
        "SELECT newest.seq FROM sync_newest newest WHERE {conditions} ORDER BY newest.seq LIMIT %s"
        ")) ORDER BY entry.seq"
    ),
}


class _Query:
    """The conditions of one query, with their parameters."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._connection = connections[using]
        self._vendor = self._connection.vendor
        self._quote = self._connection.ops.quote_name
        self.table = self._quote("table")
        self._conditions: list[str] = []
        self._params: list[Any] = []

    def add(self, condition: str, *params: Any) -> None:
        self._conditions.append(condition)
        self._params += params

    def add_lead(self, lead: Lead) -> None:
        condition, params = lead.condition(self._connection)
        self.add(condition, *params)

    def add_among(self, column: str, names: list[str]) -> None:
        condition, params = self._among(column, names)
        self.add(condition, *params)

    def add_not_held(self, audiences: list[str]) -> None:
        """Leave out the delete of a record that a later entry gives to one of these audiences."""
        among, params = self._among("other.audience", audiences)
        delete = SyncLog.Action.DELETE.value
        self.add(
            "(newest.action <> %s OR NOT EXISTS (SELECT 1 FROM sync_newest other"
            f" WHERE other.action <> %s AND {among} AND other.{self.table} = newest.{self.table}"
            " AND other.record_id = newest.record_id AND other.seq > newest.seq))",
            delete,
            delete,
            *params,
        )

    def rows(self, limit: int) -> Rows:
        found = _FOUND.get(self._vendor, _JOINED).format(
            columns=rows.selected(self._vendor, self._quote),
            conditions=" AND ".join(self._conditions),
        )
        return rows.read(self._using, found, [*self._params, limit])

    def _among(self, column: str, names: list[str]) -> tuple[str, list[Any]]:
        """Compare with many names: PostgreSQL takes them as one parameter, of which its protocol
        has room for 65,535."""
        if self._vendor == "postgresql":
            return f"{column} = ANY(%s)", [names]
        return f"{column} IN ({', '.join(['%s'] * len(names))})", names
