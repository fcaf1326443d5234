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
    call: Any = DatabaseSyncToAsync(function, thread_sensitive=False, executor=executor())
    result: R = await call(*args, **kwargs)
    return result


@functools.cache
def executor() -> ThreadPoolExecutor:
    """Return the threads; as many as the hub may use database connections."""
    return ThreadPoolExecutor(conf().DATABASE_THREADS, thread_name_prefix="hub-database")
