"""Bringing a connection up to the live changes, page by page, without a gap or a repeat."""

from __future__ import annotations

import dataclasses

from realtime.composing import PageText
from realtime.connection import Connection
from realtime.errors import Forbidden
from realtime.paging import (
    drained,
    hear_all,
    hold,
    let_go,
    or_goodbye,
    read,
    send_pages,
    send_snapshot,
)
from realtime.relay import Relay
from realtime.requests import NOT_YOURS, Request, Start
from sync.cursor import Position


async def answer(relay: Relay, connection: Connection, request: Request) -> None:
    """Answer a request with one page, which counts in all that was committed before the asking.

    Only a page that completes what the connection hears entitles the client to cursors.
    """
    request = _continued(connection, request)
    await relay.refresh()
    if not await _is_even(relay, connection):
        return
    if connection.is_due:
        await settle(relay, connection)
        if not await _is_even(relay, connection):
            return
    upto = hold(relay, connection)
    try:
        page = await _asked_page(connection, request, upto)
    except Exception:
        await let_go(relay, connection, upto)
        raise
    connection.send(page.answer(request.id))
    is_snapshot = page.position.floor is not None
    unfinished = (page.position, request.tables, request.audiences)
    connection.unfinished = unfinished if is_snapshot else None
    if _is_whole(request, connection):
        connection.is_told = True
        connection.caught_up = not page.has_more
    await let_go(relay, connection, upto)


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
    """Send page after page from `start` on until the connection is live; of what it gains
    everything."""
    with or_goodbye(connection):
        await relay.refresh()
        if not await _is_even(relay, connection):
            return
        upto = hold(relay, connection)
        gained = _heard_from_now_on(connection)
        if gained and not await send_snapshot(connection, gained, upto):
            await _start_anew(relay, connection)
        else:
            await send_pages(relay, connection, start, upto, without=gained)


async def settle(relay: Relay, connection: Connection) -> None:
    """Send what follows from changes of the rights, unless that has been done."""
    if connection.is_outdated:
        await _start_anew(relay, connection)
    elif connection.gaining:
        await gain(relay, connection)


async def gain(relay: Relay, connection: Connection) -> None:
    """Send everything of the audiences that the connection gains, and hear them."""
    with or_goodbye(connection):
        await relay.refresh()
        if not await _is_even(relay, connection):
            return
        upto = hold(relay, connection)
        gained = _heard_from_now_on(connection)
        if not await send_snapshot(connection, gained, upto):
            await _start_anew(relay, connection)
        elif connection.caught_up:  # the client gets the cursor that it was not given meanwhile
            await send_pages(relay, connection, upto, upto)
        else:
            await let_go(relay, connection, upto)


def _heard_from_now_on(connection: Connection) -> frozenset[str]:
    gained = connection.gaining
    if gained:  # else each connection would get empty and equal sets of its own
        connection.gaining = frozenset()
        connection.audiences |= gained
    return gained


async def _start_anew(relay: Relay, connection: Connection) -> None:
    """Send everything the connection may hear, to replace what its client holds."""
    with or_goodbye(connection):
        await relay.refresh()
        if not await drained(connection):
            return
        upto = hold(relay, connection)
        hear_all(connection)
        connection.is_told = True
        await send_pages(relay, connection, None, upto, is_anew=True)


async def drain(relay: Relay, connection: Connection) -> None:
    """Wait until a client that was behind reads again, then catch it up from where it was.

    Closes it with 4001 where it does not within `DRAIN_TIMEOUT`.
    """
    if not connection.behind or not await drained(connection):
        return
    with or_goodbye(connection):
        await relay.refresh()
        start, caught_up = connection.position, connection.caught_up
        upto = hold(relay, connection)
        await send_pages(relay, connection, start, upto, with_cursor=caught_up)


async def _is_even(relay: Relay, connection: Connection) -> bool:
    """Wait until a client has room and was sent everything up to the relay's position; tell whether
    it got there.

    Holding ends being behind, so nothing may be awaited between this and holding.
    """
    while await drained(connection):
        if not connection.behind:
            return True
        await drain(relay, connection)
    return False


async def _asked_page(connection: Connection, request: Request, upto: Position) -> PageText:
    def asked() -> frozenset[str]:
        if request.audiences is None:
            return connection.audiences
        if not request.audiences <= connection.permitted:
            raise Forbidden(NOT_YOURS)
        return request.audiences

    page = await read(
        connection,
        request.start,
        upto,
        asked,
        lambda: True,
        limit=request.limit,
        tables=request.tables,
        without=connection.audiences - asked(),
    )
    return dataclasses.replace(page, reset=True) if request.is_anew else page


def _is_whole(request: Request, connection: Connection) -> bool:
    return request.tables == connection.tables and request.audiences in (None, connection.audiences)
