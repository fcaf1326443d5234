"""Looks for entries that match, and looks at so many at most: whatever is asked for, an answer
takes the same short time, and says what it has not looked at.

Where an index has what is searched for, it is read from there; everything else is looked for in the
log itself, entry by entry, in its order. No index has the entries of a table in their order, which
would cost every change; but those of a table with few entries are soon sorted, and a page full of
those of a table with many is soon met.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import BigIntegerField, ExpressionWrapper, F, Q
from django.db.models.expressions import OrderBy

from sync.admin.searching import Search
from sync.conf import conf
from sync.models import SyncLog, SyncLogQuerySet

SCATTER: Final = 10
"""How many entries that follow each other in the log are read in the time of one that an index has
found: those lie anywhere."""

NEWEST_FIRST: Final = "-seq"
OLDEST_FIRST: Final = "seq"

_UNFILTERED: Final = {"data", "reason", "redacted"}
"""Columns that no filter looks at, some of them large."""

_LIGHT: Final = [
    field.attname for field in SyncLog._meta.concrete_fields if field.attname not in _UNFILTERED
]


class Span(NamedTuple):
    """Numbers of the log: after the first, up to the second."""

    after: int
    upto: int

    def within(self, after: int | None, upto: int | None) -> Span:
        """Return what lies between two more bounds; None is no bound."""
        return Span(
            self.after if after is None else max(self.after, after),
            self.upto if upto is None else min(self.upto, upto),
        )

    @property
    def size(self) -> int:
        return max(self.upto - self.after, 0)


class Bounded:
    """What a search finds among the tables that may be seen."""

    def __init__(self, search: Search, visible_tables: Collection[str]) -> None:
        self._using = conf().DATABASE
        self._connection = connections[self._using]
        self.log = SyncLog.objects.using(self._using).published()
        self.matching = self.log.filter(search.condition(visible_tables))
        self._lookups = search.lookups(visible_tables)
        # Without one, as where no table may be seen, the condition has to be held against each.
        self._is_lookup_alone = bool(self._lookups) and search.is_lookup_alone
        self._at_least = 0
        self._is_small_table = False
        if search.table in visible_tables and not self._lookups:
            self._look_up_table(search)

    @property
    def has_index(self) -> bool:
        return bool(self._lookups)

    @property
    def looks_at(self) -> int:
        """How many entries are looked at, at most."""
        rows = conf().HISTORY_SEARCH_ROWS
        return max(rows // SCATTER, 1) if self._lookups else rows

    def _look_up_table(self, search: Search) -> None:
        """Look a table's entries up if they are few, and else remember that they are many."""
        limit = conf().HISTORY_COUNT_ROWS + 1
        of_table = self.log.filter(table=search.table)
        found = of_table.order_by().values("seq")[:limit].count()
        is_alone = search.filters == {"table"}
        if found < limit:
            self._lookups = [Q(table=search.table)]
            self._is_small_table, self._is_lookup_alone = True, is_alone
        elif is_alone and search.begins is None and search.until is None:
            self._at_least = limit

    def numbers(self, span: Span, limit: int, order: str = NEWEST_FIRST) -> list[int]:
        """Return the numbers of the first entries that match."""
        sql, params = self._union(span, limit, order)
        return [seq for (seq,) in self._rows(sql, params)] if sql else []

    def count(self, span: Span, limit: int) -> int:
        """Return how many entries match of those that are looked at, up to a limit."""
        if self._at_least >= limit:
            return limit
        sql, params = self._union(span, limit, NEWEST_FIRST)
        if not sql:
            return 0
        [(found,)] = self._rows(f"SELECT COUNT(*) FROM ({sql}) AS found", params)
        return int(found)

    def unseen(self, span: Span, order: str = NEWEST_FIRST) -> int | None:
        """Return the number of the first entry that is not looked at, or None where all are."""
        if not span.size:
            return None
        ends = self.looks_at
        queries = [
            self._ordered(lookup, span, order).values("seq")[ends : ends + 1]
            for lookup in self._lookups or [Q()]
        ]
        sql, params = _joined([self._compiled(query) for query in queries], "UNION ALL")
        found = [seq for (seq,) in self._rows(sql, params)]
        return (max if order == NEWEST_FIRST else min)(found, default=None)

    def _union(self, span: Span, limit: int, order: str) -> tuple[str, list[Any]]:
        """Return the statement that finds the first numbers, or none where there can be none.

        Each index is read for itself: a database asked for one *or* the other would read all that
        either has, to sort it.
        """
        if not span.size:
            return "", []
        part = self._indexed if self._is_lookup_alone else self._looked_through
        try:
            parts = [part(lookup, span, limit, order) for lookup in self._lookups or [Q()]]
        except EmptyResultSet:  # no table may be seen
            return "", []
        sql, params = _joined(parts, "UNION")
        return f"{sql} ORDER BY seq {_direction(order)} LIMIT {limit}", params

    def _indexed(self, lookup: Q, span: Span, limit: int, order: str) -> tuple[str, list[Any]]:
        """Return the first numbers that an index has, which are all that is asked for."""
        return self._compiled(self._ordered(lookup, span, order).values("seq")[:limit])

    def _looked_through(
        self, lookup: Q, span: Span, limit: int, order: str
    ) -> tuple[str, list[Any]]:
        """Look at so many entries, and keep the numbers of those that match.

        The inner query has the name of the table, so that Django's own condition holds for it.
        """
        inner, params = self._looked_at(lookup, span, order)
        query = self.matching.query
        where, conditions = query.get_compiler(self._using).compile(query.where)
        sql = f"SELECT seq FROM ({inner}) AS sync_log WHERE {where}"
        return f"{sql} ORDER BY seq {_direction(order)} LIMIT {limit}", [*params, *conditions]

    def _looked_at(self, lookup: Q, span: Span, order: str) -> tuple[str, list[Any]]:
        ordered = self._ordered(lookup, span, order)
        if not self._is_small_table:
            return self._compiled(ordered.values(*_LIGHT)[: self.looks_at])
        # Sorted by what the index has, and only so many are read.
        picked, params = self._compiled(ordered.values("seq")[: self.looks_at])
        sql, _ = self._compiled(self.log.order_by().values(*_LIGHT))
        return f"{sql} AND seq IN (SELECT seq FROM ({picked}) AS picked)", params

    def _ordered(self, lookup: Q, span: Span, order: str) -> SyncLogQuerySet:
        found = self.log.filter(lookup, seq__gt=span.after, seq__lte=span.upto)
        if not self._is_small_table:
            return found.order_by(order)
        # Not by the number itself: a database would walk the log in its order, and wait to meet
        # the few of them.
        number = ExpressionWrapper(F("seq") + 0, BigIntegerField())
        return found.order_by(OrderBy(number, descending=order == NEWEST_FIRST))

    def _compiled(self, queryset: Any) -> tuple[str, list[Any]]:
        sql, params = queryset.query.get_compiler(self._using).as_sql()
        return sql, list(params)

    def _rows(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())


def _joined(parts: list[tuple[str, list[Any]]], by: str) -> tuple[str, list[Any]]:
    selects = (f"SELECT seq FROM ({sql}) AS part{n}" for n, (sql, _) in enumerate(parts))
    return f" {by} ".join(selects), [one for _, params in parts for one in params]


def _direction(order: str) -> str:
    return "DESC" if order == NEWEST_FIRST else "ASC"
