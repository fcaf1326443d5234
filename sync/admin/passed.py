"""Which clients have passed an entry: told by the package that delivers entries to them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final

from django.http import HttpRequest

from sync.conf import conf
from sync.models import SyncLog


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """One client, and how far it is with the entry."""

    client: str
    """What people know the client by: the name of its device, or its client id."""
    state: str
    """A few translated words: acknowledged, sent, not yet, not in its audiences."""
    has_passed: bool
    """Whether the client surely has the entry; those that have not are marked."""
    url: str = ""
    """The client's own page in the admin, for those who may see it."""
    user: str = ""
    moment: datetime.datetime | None = None
    """Since when the state is so, where that is known."""


Provider = Callable[[HttpRequest, SyncLog], Iterable[Passed]]

PROVIDERS: Final[list[Provider]] = []
"""Each is called as `provider(request, entry)` by the page of a published entry that the request's
user may see, and yields clients in the order to be shown, those that lag first. It checks itself
whether the user may see clients. `request.current_app` is the name of the admin site, for
`reverse`. Of all that is yielded the page takes the first `PASSED_CLIENTS`, and one more to know
that there are more: a provider is a generator, or limits its query to that."""


def passed(request: HttpRequest, entry: SyncLog) -> tuple[list[Passed], bool]:
    """Return the first clients that the providers tell of, and whether there are more."""
    limit = conf().PASSED_CLIENTS
    found = list(islice(_all(request, entry), limit + 1))
    return found[:limit], len(found) > limit


def _all(request: HttpRequest, entry: SyncLog) -> Iterator[Passed]:
    return chain.from_iterable(provider(request, entry) for provider in PROVIDERS)
