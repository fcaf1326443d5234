"""Leaving slowly: a process that SIGTERM ends sends its clients away in batches.

It has to be done before the reactor stops, for then Daphne cancels every application at once. What
is left at the end of `GOODBYE_TIME` is the business of `realtime.shutdown`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any, Final

from realtime import listening, shutdown
from realtime.conf import conf

logger = logging.getLogger(__name__)

GOODBYE_TIME_VARIABLE: Final = "HUB_GOODBYE_TIME"
"""The environment variable that counts instead of the setting: what `hub_serve` was told."""

INTERVAL: Final = 0.1
"""Seconds between two batches, and the longest that one client waits for the one before it."""

POLL: Final = 0.05
"""Seconds between looks at whether every application has ended."""

_draining: asyncio.Task[None] | None = None


def goodbye_time() -> float:
    """Return over how many seconds this process says goodbye when it is told to end."""
    told = os.environ.get(GOODBYE_TIME_VARIABLE)
    return conf().GOODBYE_TIME if told is None else float(told)


def take_sigterm() -> None:
    """Drain at SIGTERM where `GOODBYE_TIME` says so; to be called while the reactor runs.

    A reactor that was told to leave signals alone has no handler, and is left alone here too.
    """
    reactor: Any = sys.modules["twisted.internet.reactor"]

    def told(*signalled: object) -> None:
        reactor.callFromThread(leave)

    if getattr(signal.getsignal(signal.SIGTERM), "__self__", None) is reactor:
        signal.signal(signal.SIGTERM, told)


def leave() -> None:
    """End this process as SIGTERM does; a second call changes nothing."""
    global _draining
    reactor: Any = sys.modules["twisted.internet.reactor"]
    if _draining is not None or shutdown.in_progress():
        return
    seconds = goodbye_time()
    if seconds <= 0:
        reactor.stop()
        return
    _draining = asyncio.get_running_loop().create_task(_drain(seconds, reactor))
    # SIGINT ends it at once, also in the middle of this.
    reactor.addSystemEventTrigger("before", "shutdown", _draining.cancel)


async def _drain(seconds: float, reactor: Any) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    server = listening.server()
    shutdown.begin()
    listening.stop()
    try:
        await _say_goodbyes(shutdown.connections(), seconds)
        while loop.time() < ends and _is_serving(server):  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(POLL)
    except Exception:
        logger.exception("The drain failed, leaving at once.")
    reactor.stop()


async def _say_goodbyes(leaving: list[Any], seconds: float) -> None:
    """Say goodbye to all within the time, evenly, and to a few sooner than that."""
    loop = asyncio.get_running_loop()
    started, lasts = loop.time(), min(seconds, len(leaving) * INTERVAL)
    logger.info("Saying goodbye to %d connections within %.1f seconds.", len(leaving), lasts)
    spread = shutdown.spread_of(len(leaving), lasts)
    for number, connection in enumerate(leaving):
        early = started + lasts * number / len(leaving) - loop.time()
        if early > 0:
            await asyncio.sleep(max(early, INTERVAL))
        shutdown.say_goodbye(connection, spread)


def _is_serving(server: Any | None) -> bool:
    """Tell whether an application of Daphne's has not ended: a client's, or a request's."""
    if server is None:
        return False
    running = (details.get("application_instance") for details in server.connections.values())
    return any(application is not None and not application.done() for application in running)
