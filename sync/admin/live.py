"""What tells the feed that there is something new, before it would have asked by itself.

By itself the feed's page asks every other second. An app that can tell sooner adds a provider:

    from sync.admin import live

    live.providers.append(provider)  # in the `ready()` of its AppConfig

For each page the provider is asked with the request, and answers with a `Mediation`, or None where
it has nothing for this user. The page then carries the script as `<script type="module">`, behind
its own, and the data on the feed's root, the one element with `data-hub-feed`. Nothing else is
shared. The script speaks to the page by events that it dispatches on that element:

    root.dispatchEvent(new CustomEvent("hub:state", {detail: "live"}))
        Hints will come from now on: the page stops asking by itself.
    root.dispatchEvent(new CustomEvent("hub:state", {detail: "offline"}))
        None will come until it is live again: the page asks by itself, as at the start.
    root.dispatchEvent(new CustomEvent("hub:hint"))
        There may be something new. It carries no data: the page fetches the rows that match its
        filters and that its user may see. A hint too many costs one look, and hints that come
        together are answered by one; a hint that is lost costs the time until the next.

The script runs when the page is parsed and listens already. It may say "live" and "offline" as
often as it likes; a change to "live" makes the page look once, for what it missed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


class Mediation(NamedTuple):
    """How one page hears of what is new."""

    script: str
    """The path of an ES module among the static files, such as `realtime/feed.js`."""
    data: Mapping[str, str]
    """Attributes of the feed's root, by their names without `data-`."""


Provider = Callable[[HttpRequest], Mediation | None]

providers: Final[list[Provider]] = []


def mediations(request: HttpRequest) -> list[Mediation]:
    """Return what the providers have for this request."""
    offered = (provider(request) for provider in providers)
    return [one for one in offered if one is not None]


def data_attributes(found: Iterable[Mediation]) -> SafeString:
    """Return the attributes of the feed's root, each with a space before it."""
    named = ((name, value) for one in found for name, value in one.data.items())
    return format_html_join("", ' data-{}="{}"', named)
