"""Cuts SQL into words, names and marks, so that no literal or comment is taken for a statement.

Not sqlparse: it builds a tree where a list will do, and knows neither dollar quoting with other
statements inside, nor MySQL's backslashes and executable comments, which decide here whether a text
writes or only mentions a write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

WORD: Final = "word"
NAME: Final = "name"
STRING: Final = "string"
MARK: Final = "mark"
_KINDS: Final = frozenset({WORD, NAME, STRING, MARK})


class Token(NamedTuple):
    """A piece of a statement: a bare word, a quoted name without its quotes, any literal, or one
    character of everything else."""

    kind: str
    text: str
    end: int

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for what is quoted, which is never a keyword."""
        return self.text.upper() if self.kind == WORD else ""

    @property
    def mark(self) -> str:
        """The one character; empty for everything that has a name or a value."""
        return self.text if self.kind == MARK else ""


# Possessive, so that no text makes a pattern go back; what is never closed lasts to the end.
_SINGLE = r"'[^']*+(?:''[^']*+)*+'?"
_DOUBLE = r'"[^"]*+(?:""[^"]*+)*+"?'
_BACKTICK = r"`[^`]*+(?:``[^`]*+)*+`?"
_SINGLE_ESCAPED = r"'(?:[^'\\]++|\\.|'')*+'?"
_DOUBLE_ESCAPED = r'"(?:[^"\\]++|\\.|"")*+"?'
_COMMENT = r"/\*(?s:.*?)(?:\*/|\Z)"

_STANDARD: Final = (
    r"%s|(?P<space>\s++|--[^\n]*+)"
    rf"|(?P<string>[eE]{_SINGLE_ESCAPED}|(?:[bBnNxX]|[uU]&)?{_SINGLE}%s)"
    rf"|(?P<name>{_DOUBLE}|{_BACKTICK}%s)"
    r"|(?P<word>\w[\w$]*+)"
    r"|(?P<mark>.)"
)
_POSTGRESQL = _STANDARD % (
    r"(?P<nested>/\*)",
    r"|\$(?P<tag>(?:[^\W\d]\w*+)?+)\$.*?(?:\$(?P=tag)\$|\Z)",
    "",
)
_SQLITE = _STANDARD % (rf"(?P<comment>{_COMMENT})", "", r"|\[[^\]]*+\]?")
# `/*!40000 ... */` is code to MySQL; the end of it is no multiplication by a comment.
_MYSQL = (
    rf"(?P<space>\s++|--(?:\s[^\n]*+|\Z)|\#[^\n]*+|/\*M?!\d*+|\*/(?!\*)|{_COMMENT})"
    rf"|(?P<string>[bBnNxX]?{_SINGLE_ESCAPED}|{_DOUBLE_ESCAPED})"
    rf"|(?P<name>{_BACKTICK})"
    r"|(?P<word>[\w$]++)"
    r"|(?P<mark>.)"
)
_PATTERNS: Final = {
    "postgresql": re.compile(_POSTGRESQL, re.DOTALL),
    "sqlite": re.compile(_SQLITE, re.DOTALL),
    "mysql": re.compile(_MYSQL, re.DOTALL),
}
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def tokens(sql: str, vendor: str) -> Iterator[Token]:
    """Yield the tokens of any text, SQL or not; never raises.

    `vendor` is Django's name of the database, for they disagree on what a quote is.
    """
    match = _PATTERNS.get(vendor, _PATTERNS["postgresql"]).match
    at = 0
    while found := match(sql, at):
        at = found.end()
        kind = found.lastgroup or MARK
        if kind == "nested":
            at = _end_of_comment(sql, at)
        elif kind in _KINDS:
            yield Token(kind, _unquoted(found.group()) if kind == NAME else found.group(), at)


def _end_of_comment(sql: str, at: int) -> int:
    """Return where a comment ends that may hold others, as PostgreSQL's do."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, at)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        at = edge.end()
    return at


def _unquoted(name: str) -> str:
    quote = "]" if name[0] == "[" else name[0]
    inner = name[1:-1] if len(name) > 1 and name.endswith(quote) else name[1:]
    return inner.replace(quote * 2, quote)
