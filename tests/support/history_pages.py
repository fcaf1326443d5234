"""The pages of the history, so that what holds for all of them is tested on each: a page that is
added to the routes is here without further ado."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.urls.resolvers import RoutePattern

from sync.admin.routes import ROUTES
from tests.support import component_urls
from tests.support.history_story import Story

COMPONENTS: Final = "components"
"""The page of the tests that shows all that pages are made of."""

DJANGOS: Final = {"changelist": "", "change": "<path:object_id>/change/"}
"""The pages whose addresses Django's own admin has made."""

PARTS: Final = frozenset({"rows", "together"})
"""Routes that answer with rows for a page that is open, in markup as strict as the page's."""

FILES: Final = frozenset({"export"})
"""Routes that answer with no markup at all."""

QUERIES: Final = {
    "redact": "?table=tasks&record=1",
    "rows": "?after=0",
    "as_of": "?at={story.seq}",
    "compare": "?from=1&to={story.seq}",
}
"""What an address needs beside its arguments to show something."""


def answer_names() -> list[str]:
    """Return the end of each URL name that markup answers."""
    return [*DJANGOS, *(route.name for route in ROUTES if route.name not in FILES)]


def page_names() -> list[str]:
    """Return the end of each page's URL name, and the page of the components."""
    return [COMPONENTS, *(name for name in answer_names() if name not in PARTS)]


def path_of(name: str, story: Story) -> str:
    """Return where a page shows the story."""
    if name == COMPONENTS:
        return f"/{component_urls.PATH}"
    routes = DJANGOS | {route.name: route.address for route in ROUTES}
    names = RoutePattern(routes[name]).converters
    arguments = {argument: _argument(story, argument) for argument in names}
    path = reverse(f"admin:sync_synclog_{name}", kwargs=arguments)
    return path + QUERIES.get(name, "").format(story=story)


def _argument(story: Story, name: str) -> Any:
    assert hasattr(story, name), f"what is {name!r} in the story that the tests tell? Add it there."
    value = getattr(story, name)
    return quote(value) if isinstance(value, str) else value
