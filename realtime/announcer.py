"""The announcer: rings after commit, off the writer's thread.

One ring stands for all commits that wait for it. It carries no data and may be lost: relays look
at the log every tick anyway. So neither a slow nor a dead channel layer ever reaches a save.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import datetime
import functools
import logging
import os
import sys
import threading
import uuid
from collections import deque
from typing import Any, Final

from django.db import connections
from django.db.transaction import on_commit
from django.utils import timezone

from realtime.conf import conf
from realtime.layer import HINT, shared_layer

logger = logging.getLogger(__name__)

SEND_TIMEOUT: Final = 2.0
"""Seconds one message may take; more are given up, for the tick is faster."""

MAX_WAITING: Final = 1000
"""Messages that wait for a slow layer; beyond it the oldest are dropped."""

_rung_at: datetime.datetime | None = None
"""When this process rang last."""

_ATTRIBUTE: Final = "_realtime_announced"


def announce_after_commit(using: str, transaction: uuid.UUID, **kwargs: Any) -> None:
    """Have the commit of recorded changes announced, once per transaction."""
    if not conf().ANNOUNCE:
        return
    connection = connections[using]
    if getattr(connection, _ATTRIBUTE, None) == transaction:
        return
    setattr(connection, _ATTRIBUTE, transaction)
    on_commit(ring, using=using, robust=True)


def ring() -> None:
    """Wake every relay: those of this process now, the others through the channel layer."""
    global _rung_at
    from realtime.relay import local_relays

    _rung_at = timezone.now()
    for relay in local_relays():
        relay.wake_threadsafe()
    tell_others(None)


def last_rung() -> datetime.datetime | None:
    """Return when this process rang last; None where it never has."""
    return _rung_at


def layer_fails() -> bool:
    """Tell whether the channel layer could not be told what this process told it last."""
    return _current is not None and _current.is_failing


def tell_others(message: dict[str, Any] | None) -> None:
    """Send a message, or with None the hint, to the relays of other processes; never waits."""
    if shared_layer() is not None and not _threads_are_greenlets():
        _teller().put(message)


class _Teller:
    """One thread with one event loop: a loop per call would cost a Redis connection per call."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._messages: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._hint = False
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._loop = asyncio.new_event_loop()
        self._ready = asyncio.Event()
        self.is_failing = False
        self._thread = threading.Thread(target=self._run, name="hub-announcer", daemon=True)
        self._thread.start()

    def put(self, message: dict[str, Any] | None) -> None:
        with self._lock:
            self._idle.clear()
            if message is None:
                self._hint = True
            else:
                self._messages.append(message)
        self._loop.call_soon_threadsafe(self._ready.set)

    def finish(self) -> None:
        """Give what waits a moment to leave, for the change made by a short command."""
        self._idle.wait(SEND_TIMEOUT)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._tell())

    async def _tell(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while message := self._next():
                await self._send(message)

    def _next(self) -> dict[str, Any] | None:
        with self._lock:
            if self._hint:
                self._hint = False
                return {"type": HINT}
            if self._messages:
                return self._messages.popleft()
            self._idle.set()
            return None

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            layer: Any = shared_layer()
            async with asyncio.timeout(SEND_TIMEOUT):
                await layer.group_send(conf().GROUP, message)
        except Exception as error:
            if not self.is_failing:
                logger.warning("The channel layer cannot be told, the tick delivers: %r", error)
            self.is_failing = True
        else:
            self.is_failing = False


_current: _Teller | None = None
_lock = threading.Lock()


def _after_fork() -> None:
    """Start with a lock that no thread of the parent holds."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def _threads_are_greenlets() -> bool:
    """Tell whether gevent or eventlet has replaced threads.

    Then the teller's event loop would run on the host's own thread, and Django would refuse every
    query there as made in an async context. The tick delivers.
    """
    patchers = {"gevent.monkey": "is_module_patched", "eventlet.patcher": "is_monkey_patched"}
    for module, asks in patchers.items():
        patcher = sys.modules.get(module)
        name = "threading" if module == "gevent.monkey" else "thread"
        if patcher is not None and getattr(patcher, asks)(name):
            logger.warning("Threads are greenlets here: the tick delivers what is written.")
            return True
    return False


def _teller() -> _Teller:
    """Return this process's teller; a forked child needs a thread of its own."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = _Teller()
        return _current


@atexit.register
def _finish() -> None:
    if _current is not None and _current.pid == os.getpid():
        with contextlib.suppress(Exception):
            _current.finish()
