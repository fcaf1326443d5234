"""The hub's own bounded threads for database work.

Channels runs every `database_sync_to_async` of a process on one thread: one slow query would
freeze the pings of every client.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync

from realtime.conf import conf

P = ParamSpec("P")
R = TypeVar("R")


async def in_database(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function on one of the hub's threads; old connections are closed around it."""
    result: R = await _run(executor(), function, *args, **kwargs)
    return result


async def for_relay(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function on the relay's own thread, so that live changes do not queue behind
    authentication, the host's `audiences_for` and pages."""
    result: R = await _run(relay_executor(), function, *args, **kwargs)
    return result


@functools.cache
def relay_executor() -> ThreadPoolExecutor:
    """Return the thread that looks at the log."""
    return ThreadPoolExecutor(1, thread_name_prefix="hub-relay")


@functools.cache
def executor() -> ThreadPoolExecutor:
    """Return the threads for everything but the relay's looks; each may hold a connection."""
    return ThreadPoolExecutor(conf().DATABASE_THREADS, thread_name_prefix="hub-database")


async def _run(pool: ThreadPoolExecutor, function: Any, *args: Any, **kwargs: Any) -> Any:
    call: Any = DatabaseSyncToAsync(_answering, thread_sensitive=False, executor=pool)
    return await call(function, *args, **kwargs)


def _answering(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function so that whoever waits gets an answer: before Python 3.12 a `StopIteration`,
    such as a host's `next()` without a default raises, never leaves its thread."""
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        raise tellable(error) from error


def tellable(error: Exception) -> Exception:
    """Return an error as a future can hold it: asyncio refuses a `StopIteration`, and who waits for
    the future would wait for ever."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError("A StopIteration came out of a function of the database.")
    told.__cause__ = error
    return told
