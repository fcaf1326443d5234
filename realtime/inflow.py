"""Reading a client of Daphne no faster than its messages are handled.

Daphne reads whatever arrives, and keeps it for the application without a limit. Here its protocol
takes no more messages out of what was read while too many wait, and the socket is not read either:
TCP then makes the client's own sending stop. What the client sends after that, also a ping, a pong
or a close, is noticed when it is read again. A pong that is late for that reason ends the
connection, as that of a dead client would, so none is kept for ever unread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from realtime.conf import conf
from realtime.short_queue import shorten

logger = logging.getLogger(__name__)

LOW_WATER: Final = 2
"""Reading goes on when what waits has become so many times less than the limit: at the limit itself
each message would stop it anew."""


class Inflow:
    """Counts what waits for one application, and stops its protocol while that is too much.

    Messages are counted where the application's queue itself keeps them, for which `asyncio.Queue`
    has `_put` and `_get`: whoever takes one out of it, it is seen.
    """

    __slots__ = (
        "_bytes",
        "_is_stopped",
        "_loop",
        "_most_bytes",
        "_most_messages",
        "_process",
        "_protocol",
        "_queue",
        "_resuming",
    )

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._queue = protocol.application_queue
        shorten(self._queue, "_queue", "_getters", "_putters")
        shorten(getattr(self._queue, "_finished", None), "_waiters")
        self._loop = asyncio.get_running_loop()
        self._most_messages = conf().MAX_WAITING_MESSAGES
        self._most_bytes = conf().MAX_WAITING_BYTES
        self._bytes = 0
        self._is_stopped = False
        self._resuming: asyncio.Handle | None = None
        self._process = protocol.processData
        protocol.processData = self._process_unless_stopped
        self._queue._put, self._queue._get = self._put, self._get

    def end(self) -> None:
        """Let the protocol go on by itself, and have what the client still says ignored: nobody
        answers it any more, but its close has to be read."""
        if self._queue is None:
            return
        self._protocol.onMessage = _ignore
        # They refer to each other, and would be kept until the collector comes by.
        del self._protocol.processData, self._queue._put, self._queue._get
        self._queue = None
        self._go_on_soon()

    def _put(self, message: dict[str, Any]) -> None:
        type(self._queue)._put(self._queue, message)
        self._bytes += _size(message)
        if self._queue.qsize() >= self._most_messages or self._bytes >= self._most_bytes:
            self._is_stopped = True

    def _get(self) -> dict[str, Any]:
        message: dict[str, Any] = type(self._queue)._get(self._queue)
        self._bytes -= _size(message)
        if (
            self._is_stopped
            and self._queue.qsize() <= self._most_messages // LOW_WATER
            and self._bytes <= self._most_bytes // LOW_WATER
        ):
            self._go_on_soon()
        return message

    def _process_unless_stopped(self) -> bool:
        """Take the next piece out of what was read, in place of `processData`."""
        if self._is_stopped:
            self._protocol.transport.pauseProducing()
            return False
        return bool(self._process())

    def _go_on_soon(self) -> None:
        """Go on apart from whoever has just taken a message or closed."""
        if self._resuming is None:
            self._resuming = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._resuming = None
        self._is_stopped = False
        try:
            if self._protocol.data:
                self._protocol.consumeData()
        except Exception:  # from within the reactor, it would end the connection as well
            logger.exception("What a client has sent could not be read.")
            self._protocol.dropConnection(abort=True)
        if not self._is_stopped:
            self._protocol.transport.resumeProducing()


def _size(message: dict[str, Any]) -> int:
    return len(message.get("text") or message.get("bytes") or "")


def _ignore(payload: bytes, is_binary: bool) -> None:
    """Take a message that nobody is there for."""
