"""Walks through the tokens of a text, one token ahead."""

from __future__ import annotations

from typing import Final

from sync.tokens import NAME, STRING, WORD, Token, tokens

END: Final = Token("", "", -1)
DEPTH: Final = {"(": 1, ")": -1}
_NAMES: Final = frozenset({WORD, NAME, STRING})


class Reader:
    """What every reader of statements needs; each method leaves the next token in `_now`."""

    def __init__(self, sql: str, vendor: str) -> None:
        self._sql = sql
        self._tokens = tokens(sql, vendor)
        self._now = END
        self._advance()

    def _name(self) -> list[str]:
        """Read a dotted name, as its parts; what is a literal elsewhere may be a name here."""
        parts = []
        while self._now.kind in _NAMES:
            text = self._now.text
            parts.append(text.strip("'\"") if self._now.kind == STRING else text)
            self._advance()
            if self._now.mark != ".":
                break
            self._advance()
        if self._now.mark == "*":
            self._advance()
        return parts

    def _take(self, *words: str) -> bool:
        if self._now.keyword not in words or not self._now.keyword:
            return False
        self._advance()
        return True

    def _skip_to(self, word: str) -> None:
        while self._in_statement() and not self._take(word):
            self._advance()

    def _skip_parentheses(self, *, inside: bool = False) -> None:
        depth = int(inside)
        while self._now is not END:
            depth += DEPTH.get(self._now.mark, 0)
            self._advance()
            if not depth:
                return

    def _skip_statement(self) -> None:
        if self._now is not END and self._sql.find(";", self._now.end - 1) < 0:
            self._now = END
        while self._in_statement():
            self._advance()
        if self._now is not END:
            self._advance()

    def _in_statement(self) -> bool:
        return self._now is not END and self._now.mark != ";"

    def _advance(self) -> None:
        self._now = next(self._tokens, END)
