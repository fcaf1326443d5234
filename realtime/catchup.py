"""Bringing a connection up to the live changes, page by page, without a gap or a repeat.

Holding begins at the relay's position; the pages read up to just there; what came meanwhile is
let go after them. Between reading the relay's position and holding there is no await, so nothing
falls between.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Final

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection
from realtime.encoding import sync_response
from realtime.errors import Forbidden
from realtime.messages import SyncRequest
from realtime.pages import read_page
from realtime.relay import Relay
from sync.cursor import Position, parse_since
from sync.reading import Page

DRAIN_POLL: Final = 0.1
"""Seconds between looks at the unsent bytes of a connection that has to drain."""

RETRY_AFTER: Final = 1.0
"""Seconds after which a client whose catch-up failed should come back."""

Start = Position | datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A client's request, checked."""

    start: Start
    limit: int | None
    tables: frozenset[str] | None
    audiences: frozenset[str] | None
    id: str | int | None


def checked_request(message: SyncRequest, connection: Connection) -> Request:
    """Return what a message asks for; raise `InvalidCursor`, `InvalidSince` or `Forbidden`."""
    return Request(
        start=_start(message),
        limit=message.limit,
        tables=narrowed(message.tables, connection.tables),
        audiences=narrowed(message.audiences, connection.audiences),
        id=message.id,
    )


def narrowed(asked: list[str] | None, held: frozenset[str] | None) -> frozenset[str] | None:
    """Return the asked names, which must be among the held ones, or raise `Forbidden`."""
    if asked is None:
        return held
    if held is not None and not held.issuperset(asked):
        raise Forbidden("Only what this connection may hear can be asked for.")
    return frozenset(asked)


async def answer(relay: Relay, connection: Connection, request: Request) -> None:
    """Answer a request with one page, which counts in all that was committed before the asking.

    Only a page that completes what the connection hears entitles the client to cursors.
    """
    request = _continued(connection, request)
    await relay.refresh()
    while connection.behind and not connection.transport.is_closing:
        # Holding ends being behind; what was not sent live must have been sent from the log.
        await drain(relay, connection)
    if not await _drained(connection):
        return
    upto = _hold(relay, connection)
    try:
        page = await _asked_page(connection, request, upto)
    except Exception:
        await _let_go(relay, connection, upto)
        raise
    connection.send(sync_response(page, request.id))
    is_snapshot = page.position.floor is not None
    unfinished = (page.position, request.tables, request.audiences)
    connection.unfinished = unfinished if is_snapshot else None
    if _is_whole(request, connection):
        connection.caught_up = not page.has_more
    await _let_go(relay, connection, upto)


def _continued(connection: Connection, request: Request) -> Request:
    """Let a client that knows only times go on with a snapshot: the time of a page's end may lie
    below the horizon, and alone would start the snapshot anew for ever."""
    if connection.unfinished is None:
        return request
    position, tables, audiences = connection.unfinished
    asked = (request.start, request.tables, request.audiences)
    if asked != (position.published_at, tables, audiences):
        return request
    return dataclasses.replace(request, start=position)


async def resume(relay: Relay, connection: Connection, start: Start) -> None:
    """Send page after page from `start` on until the connection is live."""
    with _or_goodbye(connection):
        await relay.refresh()
        upto = _hold(relay, connection)
        await _send_pages(relay, connection, start, upto)


async def drain(relay: Relay, connection: Connection) -> None:
    """Wait until a client that was behind reads again, then catch it up from where it was.

    Closes it with 4001 where it does not within `DRAIN_TIMEOUT`.
    """
    if not connection.behind or not await _drained(connection):
        return
    with _or_goodbye(connection):
        await relay.refresh()
        start, caught_up = connection.position, connection.caught_up
        upto = _hold(relay, connection)
        await _send_pages(relay, connection, start, upto, with_cursor=caught_up)


async def _send_pages(
    relay: Relay, connection: Connection, start: Start, upto: Position, with_cursor: bool = True
) -> None:
    while not connection.transport.is_closing:
        page = await _page(connection, start, upto)
        if page.reset:  # perhaps because the relay itself had fallen below the horizon
            await relay.refresh()
            upto = _hold(relay, connection)
            page = await _page(connection, start, upto)
        connection.caught_up = with_cursor and not page.has_more
        connection.send(sync_response(page, with_cursor=with_cursor))
        start = page.position
        if page.has_more:
            if not await _drained(connection):
                return
        elif connection.release(_position(relay)):
            return
        else:
            upto = _hold(relay, connection)


async def _asked_page(connection: Connection, request: Request, upto: Position) -> Page:
    return await read_page(
        connection,
        request.start,
        connection.audiences if request.audiences is None else request.audiences,
        limit=request.limit,
        tables=request.tables,
        upto=upto,
    )


async def _page(connection: Connection, start: Start, upto: Position) -> Page:
    return await read_page(
        connection, start, connection.audiences, tables=connection.tables, upto=upto
    )


async def _let_go(relay: Relay, connection: Connection, upto: Position) -> None:
    """End holding; where too much came meanwhile, the rest comes as pages too."""
    if connection.release(_position(relay)):
        return
    start, with_cursor = upto, connection.caught_up
    with _or_goodbye(connection):
        await _send_pages(relay, connection, start, _hold(relay, connection), with_cursor)


@contextlib.contextmanager
def _or_goodbye(connection: Connection) -> Iterator[None]:
    """Send a client away whose catch-up fails: held, it would silently hear nothing more."""
    try:
        yield
    except Exception:
        connection.goodbye(CloseCode.RESTARTING, "The log cannot be read now.", RETRY_AFTER)
        raise


async def _drained(connection: Connection) -> bool:
    """Wait until a connection has room again; tell whether it got some in time."""
    limit = conf().MAX_UNSENT_BYTES
    try:
        async with asyncio.timeout(conf().DRAIN_TIMEOUT):
            while connection.transport.unsent > limit // 2:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(DRAIN_POLL)
    except TimeoutError:
        connection.goodbye(CloseCode.SLOW, "The client does not read what it is sent.")
        return False
    return not connection.transport.is_closing


def _hold(relay: Relay, connection: Connection) -> Position:
    connection.hold()
    return _position(relay)


def _position(relay: Relay) -> Position:
    assert relay.position is not None, "a relay with connections has a position"
    return relay.position


def _start(message: SyncRequest) -> Start:
    if message.cursor is not None:
        return Position.parse(message.cursor)
    return None if message.since is None else parse_since(message.since)


def _is_whole(request: Request, connection: Connection) -> bool:
    return request.tables == connection.tables and request.audiences == connection.audiences
