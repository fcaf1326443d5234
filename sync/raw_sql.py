"""Which tables a text of SQL writes to, as far as a text can say it.

Read is what a host's own SQL looks like, in the dialects of PostgreSQL, SQLite, MySQL and MariaDB.
What runs inside the database (functions, procedures, triggers, `DO`, prepared statements) is not in
the text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from sync.reader import DEPTH, END, Reader

CACHED_STATEMENTS: Final = 512
CACHED_LENGTH: Final = 4096
"""Longer texts are mostly values, are rarely sent twice, and would fill the memory."""

_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})
_BEFORE_A_TABLE: Final = (
    *("INTO", "TABLE", "ONLY", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED"),
    *("QUICK", "CONCURRENT", "LOCAL", "LATERAL"),
)
_AFTER_A_TABLE: Final = (
    *("SET", "FROM", "WHERE", "USING", "ON", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "CROSS"),
    *("FULL", "NATURAL", "STRAIGHT_JOIN", "USE", "FORCE", "IGNORE", "PARTITION", "FOR", "INDEXED"),
    *("NOT", "ORDER", "LIMIT", "RETURNING", "TABLESAMPLE"),
)
_QUERIES: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_AFTER_TABLES: Final = frozenset({"SET", "WHERE", "ORDER", "LIMIT", "RETURNING"})
_ROUTINES: Final = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "RULE", "EVENT", "PACKAGE"})
_UNCOUNTED_BLOCKS: Final = ("IF", "LOOP", "WHILE", "REPEAT", "FOR")


class Written(NamedTuple):
    """What a text writes."""

    writes: tuple[tuple[str, str], ...]
    """Verb and table, the table as it is written, without quotes and schema."""
    counted: bool
    """Whether the cursor's `rowcount` afterwards is that of the one write."""


def written_by(sql: str, vendor: str) -> Written:
    """Return what a text writes; never raises, whatever the text is."""
    return (_cached if len(sql) <= CACHED_LENGTH else _read)(sql, vendor)


def _read(sql: str, vendor: str) -> Written:
    reader = _Writes(sql, vendor)
    reader.read()
    counted = reader.counted and reader.statements == 1
    return Written(tuple(dict.fromkeys(reader.writes)), counted)


_cached = functools.lru_cache(maxsize=CACHED_STATEMENTS)(_read)


class _Writes(Reader):
    """Collects the writes of all statements of a text; reads no further than it has to."""

    def __init__(self, sql: str, vendor: str) -> None:
        self.writes: list[tuple[str, str]] = []
        self.counted = True
        self.statements = 0
        super().__init__(sql, vendor)

    def read(self) -> None:
        while self._now is not END:
            if self._now.mark != ";":
                # Django's schema editor sends one after its UPDATE, whose row count stays.
                follows = self.statements and self._now.keyword == "SET"
                self.statements += not follows
                self._statement()
            self._skip_statement()

    def _statement(self) -> None:
        verb = self._now.keyword
        self._advance()
        if verb in _READERS:
            _READERS[verb](self)
        elif verb in {"EXPLAIN", "ANALYZE", "DESCRIBE", "DESC"}:
            self._explained(executes=verb == "ANALYZE")
        elif verb == "SET" and self._now.keyword == "STATEMENT":
            self.counted = False
            self._skip_to("FOR")
            self._statement()

    def _insert(self, verb: str = "INSERT") -> None:
        if self._take("OR"):
            self._advance()
        self._found(verb, [self._table()])

    def _update(self) -> None:
        if self._take("OR"):
            self._advance()
        references = self._references()
        if self._take("SET"):
            several = len(references) > 1
            self._found("UPDATE", self._assigned(references) if several else references.values())

    def _delete(self) -> None:
        before_from = not self._take("FROM")
        targets = self._tables()
        if not before_from:
            self._alias("")
        joined = self._take("FROM" if before_from else "USING")
        references = self._references() if joined else {}
        self._found("DELETE", (references.get(name.lower(), name) for name in targets))

    def _truncate(self) -> None:
        self.counted = False
        self._found("TRUNCATE", self._tables())

    def _load(self) -> None:
        self._skip_to("INTO")
        self._insert("LOAD")

    def _copy(self) -> None:
        if self._now.mark == "(":
            return self._with()
        table = self._table()
        if self._now.mark == "(":
            self._skip_parentheses()
        if self._now.keyword == "FROM":
            self._found("COPY", [table])

    def _with(self) -> None:
        """A write stands where a query may: first in parentheses, or after the last of them."""
        self.counted = False
        depth, before = 0, ""
        while self._in_statement():
            token = self._now
            depth += DEPTH.get(token.mark, 0)
            self._advance()
            starts = before == "(" or (before == ")" and not depth)
            before = token.mark
            if starts and token.keyword in _WRITES:
                _READERS[token.keyword](self)

    def _explained(self, *, executes: bool) -> None:
        """Only `ANALYZE` executes what it explains."""
        while self._in_statement() and self._now.keyword not in _READERS.keys() | _QUERIES:
            executes = executes or self._now.keyword == "ANALYZE"
            self._advance()
        if executes:
            self._statement()
        self.counted = False

    def _create(self) -> None:
        """Pass over the body of a routine: its statements end in `;`, but run some other time."""
        while self._in_statement() and self._now.keyword not in _ROUTINES:
            self._advance()
        depth = 0
        while self._now is not END and (depth > 0 or self._now.mark != ";"):
            word = self._now.keyword or self._now.mark
            self._advance()
            if word in {"BEGIN", "CASE", "("}:
                depth += 1
            elif word == ")" or (word == "END" and not self._take(*_UNCOUNTED_BLOCKS)):
                depth -= 1
                self._take("CASE")

    def _references(self) -> dict[str, str]:
        """Read joined tables, by the lower-case name that the statement calls them."""
        found: dict[str, str] = {}
        expecting, depth = True, 0
        while self._in_statement() and self._now.keyword not in _AFTER_TABLES and depth >= 0:
            mark, word = self._now.mark, self._now.keyword
            if (mark == "(" and not expecting) or (expecting and word in _QUERIES):
                self._skip_parentheses(inside=not mark)
                depth -= not mark
                expecting = False
            elif expecting and not mark:
                table = self._table()
                found[self._alias(table).lower()] = table
                expecting = False
            else:
                depth += DEPTH.get(mark, 0)
                expecting = mark in {",", "("} or word in {"JOIN", "STRAIGHT_JOIN"}
                self._advance()
        return found

    def _assigned(self, references: dict[str, str]) -> Iterable[str]:
        """Return the tables whose columns are assigned; all of them where a column does not say."""
        found = []
        while self._in_statement() and self._now.keyword not in _AFTER_TABLES:
            column = self._name()
            if len(column) < 2 or column[-2].lower() not in references:
                return references.values()
            found.append(references[column[-2].lower()])
            while self._in_statement() and self._now.mark != ",":
                if self._now.keyword in _AFTER_TABLES:
                    return found
                self._skip_parentheses() if self._now.mark == "(" else self._advance()
            self._advance()
        return found

    def _tables(self) -> list[str]:
        found = [self._table()]
        while self._now.mark == ",":
            self._advance()
            found.append(self._table())
        return found

    def _table(self) -> str:
        """Read a table's name, without its schema; empty where there is none."""
        while self._take(*_BEFORE_A_TABLE):
            pass
        return ["", *self._name()][-1]

    def _alias(self, table: str) -> str:
        """Read the name by which the statement calls a table from here on."""
        if self._take("AS") or self._now.keyword not in {"", *_AFTER_A_TABLE}:
            return ["", *self._name()][-1] or table
        return table

    def _found(self, verb: str, tables: Iterable[str]) -> None:
        self.writes += [(verb, table) for table in tables if table]


_READERS: Final[dict[str, Callable[[_Writes], None]]] = {
    "INSERT": _Writes._insert,
    "REPLACE": functools.partial(_Writes._insert, verb="REPLACE"),
    "MERGE": functools.partial(_Writes._insert, verb="MERGE"),
    "UPDATE": _Writes._update,
    "DELETE": _Writes._delete,
    "TRUNCATE": _Writes._truncate,
    "LOAD": _Writes._load,
    "COPY": _Writes._copy,
    "WITH": _Writes._with,
    "CREATE": _Writes._create,
}
