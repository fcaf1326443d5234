"""The periodic look at every connection's rights, for what nobody announced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError

from realtime import rights
from realtime.conf import conf
from realtime.database import in_database
from realtime.errors import EndsConnection

if TYPE_CHECKING:
    from realtime.connection import Connection
    from realtime.relay import Relay

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Connections whose rights are looked up by one call: between two, others get the thread."""

PARTS: Final = 10
"""Parts of the interval after which it is seen who is due, so that the work is spread."""


async def keep(relay: Relay) -> None:
    """Look up the rights of each connection once in `RECHECK_INTERVAL` seconds, for as long as the
    relay lives.

    Where the host cannot say what a user may hear, the connection is sent to the log, where it is
    asked once more and then sent away: a right that nobody confirms is no right. Not so where the
    database fails: then there is nothing to be heard either, and the clients may stay.
    """
    while True:
        await asyncio.sleep(conf().RECHECK_INTERVAL / PARTS)
        due = _due(relay)
        for start in range(0, len(due), BATCH):
            await _recheck(due[start : start + BATCH])


def _due(relay: Relay) -> list[Connection]:
    before = asyncio.get_running_loop().time() - conf().RECHECK_INTERVAL
    return [one for one in relay.connections if one.identity and one.confirmed_at <= before]


async def _recheck(due: list[Connection]) -> None:
    identities = [one.identity for one in due if one.identity is not None]
    questions = [one.ask() for one in due]
    try:
        found = await in_database(rights.confirmed_all, identities)
    except Exception as error:
        logger.error("Rights could not be looked up, trying again: %s", error)
        return
    for connection, confirmed, question in zip(due, found, questions, strict=True):
        if isinstance(confirmed, Exception) and not isinstance(confirmed, EndsConnection):
            logger.error("Rights could not be looked up: %s", confirmed, exc_info=confirmed)
            if not isinstance(confirmed, DatabaseError):
                connection.fall_behind()
            continue
        _tell(connection, confirmed, question)


def _tell(connection: Connection, confirmed: Any, question: int) -> None:
    """Hand over what was found; what goes wrong there is no other's loss."""
    try:
        with contextlib.suppress(EndsConnection):
            connection.on_confirmed(confirmed, question)
    except Exception:
        logger.exception("A connection could not be told of its rights.")
        connection.fall_behind()
