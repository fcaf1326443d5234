"""What a client asks a page of, checked."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final

from realtime.connection import Connection
from realtime.errors import Forbidden
from realtime.messages import SyncRequest
from sync.cursor import Position, parse_since

NOT_YOURS: Final = "Only what this connection may hear can be asked for."

Start = Position | datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A client's request, checked."""

    start: Start
    limit: int | None
    tables: frozenset[str] | None
    audiences: frozenset[str] | None
    id: str | int | None
    is_anew: bool = False
    """Whether the client has to replace what it holds, for its rights have changed."""


def checked_request(message: SyncRequest, connection: Connection) -> Request:
    """Return what a message asks for; raise `InvalidCursor`, `InvalidSince` or `Forbidden`.

    Whether the audiences may be heard is looked at when the page is read.
    """
    return Request(
        start=_start(message),
        limit=message.limit,
        tables=narrowed(message.tables, connection.tables),
        audiences=None if message.audiences is None else frozenset(message.audiences),
        id=message.id,
    )


def narrowed(asked: list[str] | None, held: frozenset[str] | None) -> frozenset[str] | None:
    """Return the asked names, which must be among the held ones, or raise `Forbidden`."""
    if asked is None:
        return held
    if held is not None and not held.issuperset(asked):
        raise Forbidden(NOT_YOURS)
    return frozenset(asked)


def _start(message: SyncRequest) -> Start:
    if message.cursor is not None:
        return Position.parse(message.cursor)
    return None if message.since is None else parse_since(message.since)
