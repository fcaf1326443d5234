"""Reading the log page by page, as clients do."""

from __future__ import annotations

from typing import Any

from sync.cursor import Position
from sync.models import SyncLog
from sync.reading import Page, changes_since
from tests.testapp.models import Owner

EVERYONE = ["everyone"]


def owners(count: int) -> list[Owner]:
    """Make records in a transaction each, named by their number."""
    return [Owner.objects.create(name=str(number)) for number in range(count)]


def together(count: int) -> list[Owner]:
    """Make records in one transaction, named by their number."""
    return Owner.objects.bulk_create([Owner(name=str(number)) for number in range(count)])


def names(page: Page) -> list[str | None]:
    """Return the names of the records on a page."""
    return [entry.values.get("name") for entry in page.changes]


def pages(start: Any = None, audiences: Any = EVERYONE, **options: Any) -> list[Page]:
    """Read page after page until there is no more."""
    found: list[Page] = []
    while not found or found[-1].has_more:
        found.append(changes_since(start, audiences, **options))
        start = found[-1].position
    return found


def changes_of(found: list[Page]) -> list[SyncLog]:
    """Return the changes of all the pages, in order."""
    return [entry for page in found for entry in page.changes]


def from_client(position: Position) -> Position:
    """Return the position as it comes back from a client, which keeps its text alone."""
    return Position.parse(position.cursor)
