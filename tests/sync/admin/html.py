"""Pages of the history as the tests read them: elements with their classes and texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Self

_VOID = {"br", "hr", "img", "input", "link", "meta", "use", "path"}


class Element:
    """One element; strings among its children are its text."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @classmethod
    def of(cls, response: Any) -> Self:
        """Parse a response that has to be a page."""
        assert response.status_code == 200, response.status_code
        return cls.parse(response.content.decode())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a text."""
        root = cls("root", {})
        reader = _Reader(root)
        reader.feed(text)
        reader.close()
        return root

    def __iter__(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    def all(self, tag: str = "", css_class: str = "", **attributes: str) -> list[Element]:
        """Return the elements below with this tag, class and attributes (`data_x` is `data-x`)."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self
            if (not tag or one.tag == tag)
            and (not css_class or css_class in one.attributes.get("class", "").split())
            and all(one.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str = "", css_class: str = "", **attributes: str) -> Element:
        """Return the only such element."""
        [found] = self.all(tag, css_class, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text, as a reader of the screen would read it; white space is one space."""
        return re.sub(r"\s+", " ", self.raw).strip()

    @property
    def seen(self) -> str:
        """The text without what is only for readers of the screen."""
        return re.sub(r"\s+", " ", self._without_hidden()).strip()

    @property
    def raw(self) -> str:
        """All text as it is."""
        return "".join(one if isinstance(one, str) else one.raw for one in self.children)

    def _without_hidden(self) -> str:
        if "hub-hidden" in self.attributes.get("class", "").split():
            return ""
        return "".join(
            one if isinstance(one, str) else one._without_hidden() for one in self.children
        )


class _Reader(HTMLParser):
    def __init__(self, root: Element) -> None:
        super().__init__()
        self._open = [root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        closed = self._open.pop()
        assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
