"""Sending pages of the log to a connection whose live events are held meanwhile.

Holding begins at the relay's position; the pages read up to just there; what came meanwhile is
let go after them. Between reading the relay's position and holding there is no await, so nothing
falls between.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

from realtime.codes import CloseCode
from realtime.composing import PageText
from realtime.conf import conf
from realtime.connection import Connection, Identity
from realtime.errors import EndsConnection
from realtime.relay import Relay
from realtime.requests import Start
from realtime.sharing import Asked, shared_pages
from sync.cursor import Position

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
            (page, upto), is_anew = await _anew(relay, connection, with_cursor), False
        else:
            page = await _page(connection, start, upto, without, with_cursor)
        if page.reset and start is not None:
            # Perhaps because the relay itself had fallen below the horizon.
            await relay.refresh()
            (page, upto), without = await _anew(relay, connection, with_cursor), frozenset()
        connection.caught_up = with_cursor and not page.has_more
        connection.send(page.frame())
        start = page.position
        if page.has_more:
            if not await drained(connection):
                return
        elif connection.release(_position(relay)):
            return
        else:
            upto, without = hold(relay, connection), frozenset()


async def _anew(
    relay: Relay, connection: Connection, with_cursor: bool
) -> tuple[PageText, Position]:
    """Read the first page of everything that may be heard, also of what is gained meanwhile: a
    client that starts anew holds all that it was told of. Return where the pages end as well."""
    while True:
        hear_all(connection)
        upto = hold(relay, connection)  # again: of what was not heard yet, nothing was held
        page = await _page(connection, None, upto, frozenset(), with_cursor)
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
        page = await read(connection, start, upto, heard, lambda: False, tables=connection.tables)
        if page.reset:
            return False
        # The last page says what the client holds: not what was lost, even if it was gained again.
        audiences &= connection.audiences
        if not audiences:
            return True
        connection.send(page.frame(audiences))
        if not page.has_more or not await drained(connection):
            return True
        start = page.position
    return True


async def _page(
    connection: Connection,
    start: Start,
    upto: Position,
    without: frozenset[str],
    with_cursor: bool,
) -> PageText:
    return await read(
        connection,
        start,
        upto,
        lambda: connection.audiences - without,
        lambda: with_cursor and not connection.is_due,
        tables=connection.tables,
        without=without,
    )


async def read(
    connection: Connection,
    start: Start,
    upto: Position,
    audiences: Callable[[], frozenset[str]],
    is_entitled: Callable[[], bool],
    *,
    limit: int | None = None,
    tables: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> PageText:
    """Read a page that holds nothing the connection may not hear: rights are looked up after the
    reading, whoever it was for, and where some were lost, the page is read anew. So it is where the
    client was told meanwhile to forget what it asked for, or is not entitled to cursors any more.
    """
    while True:
        asked, with_cursor = audiences(), is_entitled()
        heard = asked | without & connection.audiences
        page = await shared_pages().read(
            Asked(start, asked, heard, tables, limit, upto, with_cursor)
        )
        connection.budget.charge(page.count)
        may_hear = await _confirmed(connection)
        if may_hear is None:
            continue  # a newer answer counts: a former token has ended
        if heard <= may_hear and asked <= audiences() and with_cursor <= is_entitled():
            return page


async def _confirmed(connection: Connection) -> frozenset[str] | None:
    """Look the connection's rights up now, and return what it may hear by all that is known; None
    where what was looked up has ended, and something newer is known."""
    question = connection.ask()
    confirmed = await _looked_up(connection)
    connection.on_confirmed(confirmed, question)
    if isinstance(confirmed, EndsConnection):
        return None
    # Its own answer counts as well: a newer one may be from before the page was read.
    return connection.permitted & confirmed.audiences


async def _looked_up(connection: Connection) -> Identity | EndsConnection:
    assert connection.identity is not None, "only who has a user is sent pages"
    found: Identity | EndsConnection = await connection.confirm(connection.identity)
    return found


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
