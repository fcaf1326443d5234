"""Finds in a page what a strict Content-Security-Policy would not let run, load or look so."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

DATA_TYPES: Final = {"application/json", "importmap+json"}
"""Scripts that are none: nothing runs them, so that no policy refuses them."""

ADDRESSES: Final = ("src", "href", "action", "formaction", "data", "poster", "srcset", "xlink:href")
LOADING: Final = {"script", "link", "img", "iframe", "object", "embed", "source", "form", "use"}
"""Elements that load from, or send to, the host that they name."""


def offences(page: str) -> list[str]:
    """Return what a page would have to have allowed, beyond files and forms of its own host."""
    found = _Offences()
    found.feed(page)
    found.close()
    return found.offences


class _Offences(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.offences: list[str] = []
        self._is_in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "style":
            self._blame("inline style")
        is_code = tag == "script" and given.get("type", "") not in DATA_TYPES
        self._is_in_script = is_code and "src" not in given
        for name, value in given.items():
            self._look_at(tag, name, value)

    def handle_endtag(self, tag: str) -> None:
        self._is_in_script = self._is_in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._is_in_script and data.strip():
            self._blame("inline script")

    def _look_at(self, tag: str, name: str, value: str) -> None:
        if name == "style" or name.startswith("on"):
            self._blame(f"{tag} has {name}={value!r}")
        if name not in ADDRESSES:
            return
        if value.strip().lower().startswith(("javascript:", "vbscript:")):
            self._blame(f"{tag} has {name}={value!r}")
        if tag in LOADING and urlsplit(value.strip()).netloc:
            self._blame(f"{tag} reaches another host: {name}={value!r}")

    def _blame(self, offence: str) -> None:
        self.offences.append(f"line {self.getpos()[0]}: {offence}")
