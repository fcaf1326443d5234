"""A link as pages show it: its words, and where it leads."""

from __future__ import annotations

from typing import NamedTuple


class Link(NamedTuple):
    """A link to another page, in translated words."""

    text: str
    url: str
