"""What other pages and packages add to the page of an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from django.http import HttpRequest

from sync.admin.links import Link
from sync.models import SyncLog

if TYPE_CHECKING:
    from sync.admin.log_admin import SyncLogAdmin


class Fact(NamedTuple):
    """One line of what is known about an entry."""

    name: str
    text: str
    url: str = ""


FACTS: Final[list[Callable[[HttpRequest, SyncLog], Iterable[Fact]]]] = []
"""Each is called as `facts(request, entry)` and yields lines that are shown below who made the
change, such as the device of its client. It checks itself what the request's user may see."""

ACTIONS: Final[list[Callable[[HttpRequest, SyncLogAdmin, SyncLog], Iterable[Link]]]] = []
"""Each is called as `actions(request, log_admin, entry)` and yields what the request's user may do
from the entry; nothing where that is nothing."""
