"""The texts of a package that people read in their language, as the code asks for them.

Found by other means than those that write the catalogues, and without GNU gettext.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.extract import extract
from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

from tests.support.environment import ROOT

PACKAGES: Final = ("sync", "realtime")

# The places of the context, the singular and the plural among the arguments, counted from 1.
PLAIN, PLURAL = None, (1, 2)
WITH_CONTEXT, PLURAL_WITH_CONTEXT = ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS: Final = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), PLAIN),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), PLURAL),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), WITH_CONTEXT),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), PLURAL_WITH_CONTEXT),
}
STRING: Final = r"u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
CALL: Final = re.compile(rf"\b(n?p?gettext|_)\(((?:{STRING}(?:, *)?)+)")

SILENT: Final = frozenset({"blocktranslate", "blocktrans", "comment"})
CLASSES: Final = frozenset({"bodyclass", "coltype"})
"""Blocks of the admin within an attribute that nobody reads."""

READ_ATTRIBUTES: Final = frozenset({"title", "alt", "placeholder", "aria-label", "label", "value"})
"""Attributes of an element that a person reads or hears."""


class Text(NamedTuple):
    """A text as the catalogues know it."""

    context: str | None
    singular: str
    plural: str | None = None


def texts(package: str) -> dict[Text, str]:
    """Return the texts of a package, each with a file that has it."""
    found: dict[Text, str] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        found |= dict.fromkeys(_of_code(path), str(path.relative_to(ROOT)))
    for path in templates(package):
        found |= dict.fromkeys(_of_template(path), str(path.relative_to(ROOT)))
    return found


def templates(package: str) -> list[Path]:
    """Return the templates of a package."""
    return sorted(path for path in (ROOT / package / "templates").rglob("*") if path.is_file())


def bare_words(template: str) -> list[str]:
    """Return what a template says to people without asking for it in their language."""
    markup = "".join(_spoken(template))
    found = _Words()
    found.feed(markup)
    found.close()
    return found.words


def _of_code(path: Path) -> Iterator[Text]:
    with path.open("rb") as file:
        for _line, messages, _comments, context in extract("python", file, KEYWORDS):
            yield _text(context, (messages,) if isinstance(messages, str) else messages)


def _of_template(path: Path) -> Iterator[Text]:
    for name, arguments in CALL.findall(templatize(path.read_text(encoding="utf-8"))):
        messages = ast.literal_eval(f"[{arguments}]")
        context = messages.pop(0) if "pgettext" in name else None
        yield _text(context, messages)


def _text(context: str | None, messages: tuple[str, ...] | list[str]) -> Text:
    singular, *plural = messages
    return Text(context, singular, plural[0] if plural else None)


def _spoken(template: str) -> Iterator[str]:
    """Give the markup of a template, less its tags, variables and what is translated."""
    silent = ""
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK:
            name, *arguments = token.split_contents()
            if silent:
                silent = "" if name == f"end{silent}" else silent
            elif name in SILENT or (name == "block" and arguments[0] in CLASSES):
                silent = name
        elif token.token_type == TokenType.TEXT and not silent:
            yield token.contents


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        is_chosen = tag in ("option", "button") or dict(attrs).get("type") in ("hidden", "radio")
        read = READ_ATTRIBUTES - {"value"} if is_chosen else READ_ATTRIBUTES
        for name, value in attrs:
            if name in read:
                self._note(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag not in ("script", "style"):
            self._note(data)

    def _note(self, text: str) -> None:
        if re.search(r"[^\W\d_]{2}", text):
            self.words.append(text.strip())
