"""Leaving well: every client of a stopping Daphne hears why, and when to come back.

Daphne itself cancels the applications without a close frame and runs no hook; a trigger on its
reactor sees every way of stopping, also the one in which a handshake has just happened and
Daphne's own trigger fails. The reason and the time to come back are in the `goodbye`, because
Daphne drops the reason of a close.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import threading
import time
from typing import Any, Final
from weakref import WeakSet

from realtime.codes import CloseCode
from realtime.conf import conf
from realtime.connection import Connection
from realtime.daphne import is_daphne
from realtime.database import in_database
from realtime.keeping import leave_all

logger = logging.getLogger(__name__)

POLL: Final = 0.02
"""Seconds between looks at whether every closing handshake is done."""

CANCEL_TIMEOUT: Final = 0.25
"""Seconds that applications get to end in, once they are cancelled."""

_connections: WeakSet[Connection] = WeakSet()
_applications: WeakSet[asyncio.Task[Any]] = WeakSet()
_in_progress = False
_installed = False


def in_progress() -> bool:
    """Tell whether the server of this process is stopping."""
    return _in_progress


def begin() -> None:
    """Have who comes from now on be sent away."""
    global _in_progress
    _in_progress = True


def connections() -> list[Connection]:
    """Return the connections that have not ended."""
    return list(_connections)


def watch(connection: Connection) -> None:
    """Say goodbye to this connection when the server stops, and end the task that serves it."""
    _connections.add(connection)
    application = asyncio.current_task()
    assert application is not None, "a connection is served by a task"
    _applications.add(application)
    install()


def forget(connection: Connection) -> None:
    """Stop watching a connection that has ended."""
    _connections.discard(connection)


def spread_of(count: int, lasts: float = 0.0) -> tuple[float, float]:
    """Return the range of seconds after which the clients of `count` connections are to come back,
    where saying goodbye to them lasts so many seconds and so spreads them already."""
    earliest, latest = conf().RETRY_AFTER
    return earliest, latest + max(0.0, count * conf().RETRY_AFTER_PER_CONNECTION - lasts)


def say_goodbye(connection: Connection, spread: tuple[float, float] | None = None) -> None:
    """Send a connection away, to come back at a time of its own."""
    connection.goodbye(
        CloseCode.GOING_AWAY,
        "The server is restarting.",
        retry_after=random.uniform(*(spread or spread_of(len(_connections)))),
    )


def install() -> None:
    """Have this process leave well; to be called early, for a server that no client has reached
    yet must end in time as well."""
    global _installed
    if _installed or not is_daphne():
        return
    _installed = True
    reactor: Any = sys.modules["twisted.internet.reactor"]
    reactor.addSystemEventTrigger("before", "shutdown", _before_shutdown)
    # Not at once: Daphne listens and takes the signals only when it has imported this.
    reactor.callWhenRunning(lambda: reactor.callLater(0, _serve))


def _serve() -> None:
    """Set up what has to wait for the server."""
    from realtime import draining, handshakes, listening, tether  # they say their goodbyes here

    listening.prepare()
    handshakes.spare()
    draining.take_sigterm()
    tether.tie(draining.leave)


def _before_shutdown() -> Any:
    """Send the goodbyes now, before the cancelled applications run, and let them leave."""
    from twisted.internet.defer import Deferred

    begin()
    if conf().EXIT_TIMEOUT:
        threading.Thread(target=_exit_in_time, name="hub-exit", daemon=True).start()
    leaving = connections()
    for connection in leaving:
        say_goodbye(connection)
    logger.info("Said goodbye to %d connections.", len(leaving))
    return Deferred.fromFuture(asyncio.ensure_future(_left(leaving)))


async def _left(leaving: list[Connection]) -> None:
    from realtime.relay import local_relays

    try:
        async with asyncio.timeout(conf().SHUTDOWN_TIMEOUT):
            for relay in local_relays():
                await in_database(leave_all, relay.id)
            while any(not one.transport.is_gone for one in leaving):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(POLL)
    except TimeoutError:
        logger.info("Some clients did not answer the close, leaving without them.")
    except Exception as error:
        logger.warning("Presence could not be removed: %s", error)
    await _cancel_applications()


async def _cancel_applications() -> None:
    """End the applications of clients that have not answered: Daphne's own cancelling fails after
    a handshake, and a coroutine that is suspended when Python ends may crash it."""
    running = [application for application in _applications if not application.done()]
    for application in running:
        application.cancel()
    if running:
        await asyncio.wait(running, timeout=CANCEL_TIMEOUT)


def _exit_in_time() -> None:
    """End the process although a request still runs on a thread, which Python would wait for."""
    time.sleep(conf().EXIT_TIMEOUT)
    logger.warning("A request did not end within %g seconds, leaving.", conf().EXIT_TIMEOUT)
    logging.shutdown()
    os._exit(0)
