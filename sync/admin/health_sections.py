"""What the page of the hub's health is made of; other apps add to it.

An app that knows more adds a function, in its `admin` module:

    from sync.admin.health_sections import SECTIONS

    SECTIONS.append(sections_of_mine)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from sync.admin.links import Link


class Fact(NamedTuple):
    """One thing that is known, in translated words."""

    name: str
    value: str
    note: str = ""
    """What it means, or what to do."""
    is_bad: bool = False
    """Whether somebody should look after it."""


class Section(NamedTuple):
    """Some facts, and a table, under a heading."""

    title: str
    facts: Sequence[Fact] = ()
    columns: Sequence[str] = ()
    """The headings of the table; none where there is no table."""
    rows: Sequence[Sequence[str]] = ()
    note: str = ""
    links: Sequence[Link] = ()
    """Pages that show more of it."""


Provider = Callable[[HttpRequest, AdminSite], Iterable[Section]]

SECTIONS: Final[list[Provider]] = []
"""Each is called for a user who may see the history, and checks itself what else it takes. It costs
a few statements, which look at bounded parts of tables."""
