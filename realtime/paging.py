"""Sending pages of the log to a connection whose live events are held meanwhile.

Holding begins at the relay's position; the pages read up to just there; what came meanwhile is
let go after them. Between reading the relay's position and holding there is no await, so nothing
falls between.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection
from realtime.database import in_database
from realtime.encoding import sync_response
from realtime.errors import EndsConnection
from realtime.gate import catchup_gate
from realtime.relay import Relay
from realtime.requests import Start
from sync.cursor import Position
from sync.reading import Page, changes_since

DRAIN_POLL: Final = 0.1
"""Seconds between looks at the unsent bytes of a connection that has to drain."""

RETRY_AFTER: Final = 1.0
"""Seconds after which a client whose catch-up failed should come back."""


async def send_pages(
    relay: Relay,
    connection: Connection,
    start: Start,
    upto: Position,
    *,
    with_cursor: bool = True,
    without: frozenset[str] = frozenset(),
    is_anew: bool = False,
) -> None:
    """Send pages until the connection is live; those up to `upto` leave out some audiences.

    `is_anew` has the client replace what it holds by them.
    """
    while not connection.transport.is_closing:
        if is_anew:
            (page, upto), is_anew = await _anew(relay, connection), False
        else:
            page = await _page(connection, start, upto, without)
        if page.reset and start is not None:
            # Perhaps because the relay itself had fallen below the horizon.
            await relay.refresh()
            (page, upto), without = await _anew(relay, connection), frozenset()
        connection.caught_up = with_cursor and not page.has_more
        is_entitled = with_cursor and not connection.is_due
        connection.send(sync_response(page, with_cursor=is_entitled))
        start = page.position
        if page.has_more:
            if not await drained(connection):
                return
        elif connection.release(_position(relay)):
            return
        else:
            upto, without = hold(relay, connection), frozenset()


async def _anew(relay: Relay, connection: Connection) -> tuple[Page, Position]:
    """Read the first page of everything that may be heard, also of what is gained meanwhile: a
    client that starts anew holds all that it was told of. Return where the pages end as well."""
    while True:
        hear_all(connection)
        upto = hold(relay, connection)  # again: of what was not heard yet, nothing was held
        page = await _page(connection, None, upto, frozenset())
        if not connection.gaining:
            return dataclasses.replace(page, reset=True), upto


async def send_snapshot(connection: Connection, audiences: frozenset[str], upto: Position) -> bool:
    """Send everything of some audiences; return whether the log lasted until the end of it.

    The pages have no cursors: one stands for all that a connection hears.
    """

    def heard() -> frozenset[str]:
        return audiences & connection.audiences

    start: Start = None
    while not connection.transport.is_closing:
        page = await read(connection, start, upto, heard, tables=connection.tables)
        if page.reset:
            return False
        # The last page says what the client holds: not what was lost, even if it was gained again.
        audiences &= connection.audiences
        if not audiences:
            return True
        connection.send(sync_response(page, with_cursor=False, audiences=audiences))
        if not page.has_more or not await drained(connection):
            return True
        start = page.position
    return True


async def _page(
    connection: Connection, start: Start, upto: Position, without: frozenset[str]
) -> Page:
    return await read(
        connection,
        start,
        upto,
        lambda: connection.audiences - without,
        tables=connection.tables,
        without=without,
    )


async def read(
    connection: Connection,
    start: Start,
    upto: Position,
    audiences: Callable[[], frozenset[str]],
    *,
    limit: int | None = None,
    tables: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> Page:
    """Read a page that holds nothing the connection may not hear: rights are looked up after the
    reading, and where some were lost, the page is read anew. So it is where the client was told
    meanwhile to forget what it asked for."""
    while True:
        asked, question = audiences(), connection.ask()
        sent = without & connection.audiences
        reading = functools.partial(
            in_database,
            _page_and_rights,
            connection,
            start,
            asked,
            limit=limit,
            tables=tables,
            upto=upto,
            heard=asked | sent,
        )
        page, confirmed = await catchup_gate().run(reading)
        connection.budget.charge(len(page.changes))
        connection.on_confirmed(confirmed, question)
        if isinstance(confirmed, EndsConnection):
            continue  # a newer answer counts: a former token has ended
        # Its own answer counts as well: a newer one may be from before the page was read.
        may_hear = connection.permitted & confirmed.audiences
        if asked | sent <= may_hear and asked <= audiences():
            return page


def _page_and_rights(connection: Connection, *asked: Any, **limits: Any) -> tuple[Page, Any]:
    page = changes_since(*asked, **limits)
    assert connection.identity is not None, "only who has a user is sent pages"
    return page, connection.confirm(connection.identity)


async def let_go(relay: Relay, connection: Connection, upto: Position) -> None:
    """End holding; where too much came meanwhile, the rest comes as pages too."""
    if connection.release(_position(relay)):
        return
    start, with_cursor = upto, connection.caught_up
    with or_goodbye(connection):
        upto = hold(relay, connection)
        await send_pages(relay, connection, start, upto, with_cursor=with_cursor)


@contextlib.contextmanager
def or_goodbye(connection: Connection) -> Iterator[None]:
    """Send a client away whose catch-up fails: held, it would silently hear nothing more."""
    try:
        yield
    except EndsConnection:
        raise
    except Exception:
        connection.goodbye(CloseCode.RESTARTING, "The log cannot be read now.", RETRY_AFTER)
        raise


async def drained(connection: Connection) -> bool:
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


def hear_all(connection: Connection) -> None:
    """Hear all that may be heard, for everything is about to be sent."""
    connection.audiences = connection.permitted
    connection.gaining = frozenset()
    connection.is_outdated = False


def hold(relay: Relay, connection: Connection) -> Position:
    connection.hold()
    return _position(relay)


def _position(relay: Relay) -> Position:
    assert relay.position is not None, "a relay with connections has a position"
    return relay.position
