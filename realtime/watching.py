"""Who watches the history: pages of the admin, which are told that the log has moved, and no more.

A page asks for it in its handshake. It hears no change, of whatever audience, for it shows what it
may by HTTP, where each row is judged.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

from realtime.encoding import timestamp
from realtime.frames import Frame
from realtime.grants import Grant
from realtime.messages import Event, encode

HISTORY: Final = "hub:history"
"""The hub's own audience. The host can give it to nobody: `realtime.rights` refuses the name."""

MOVED: Final = "history.moved"

VIEW_LOG: Final = "sync.view_synclog"

_PARAMETER: Final = "hear"
_VALUE: Final = "history"


def is_asked_for(scope: Any) -> bool:
    """Tell whether a handshake asks for the history's hints, with `?hear=history`."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return _VALUE in query.get(_PARAMETER, ())


def asking(address: str) -> str:
    """Return an address of the hub with the query by which a page asks for the hints."""
    return f"{address}{'&' if '?' in address else '?'}{_PARAMETER}={_VALUE}"


def to_watch(grant: Grant) -> Grant:
    """Return what a credential grants a page that watches, also when it is looked at again."""
    return dataclasses.replace(grant, renew=functools.partial(_again, grant.renew), watches=True)


def audiences_of(user: Any) -> frozenset[str]:
    """Return what a page of a user's may hear: the hints, where its user may see the log."""
    may_view = user.is_active and user.is_staff and user.has_perm(VIEW_LOG)
    return frozenset([HISTORY]) if may_view else frozenset()


def hint() -> Frame:
    """Return the message that the log has moved. It says not even which table changed."""
    return Frame(encode(Event(event=MOVED, data=None, timestamp=timestamp(None))))


def _again(renew: Callable[[], Grant]) -> Grant:
    return to_watch(renew())
