"""Blocking work of a test that runs on an event loop: the clients of the test go on reading."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.support.threads import with_own_connection

Result = TypeVar("Result")

SECONDS = 30
POLL_SECONDS = 0.02


async def off_loop(work: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Result:
    """Do the work on a thread, where the ORM may be used; its connections are closed after it."""
    call = functools.partial(work, *args, **kwargs)
    return await asyncio.to_thread(with_own_connection, call)


async def eventually(
    work: Callable[..., Result], /, *args: Any, seconds: float = SECONDS
) -> Result:
    """Do the work again and again until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds
    while not (found := await off_loop(work, *args)):
        assert time.monotonic() < deadline, f"{work} returned {found!r} for {seconds} s"
        await asyncio.sleep(POLL_SECONDS)
    return found
