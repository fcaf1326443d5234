"""What sends frames to one client: a small contract, and its implementation on plain ASGI."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from realtime.codes import CloseCode
from realtime.frames import Frame, Run

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that a close may wait for a client that does not read what was sent before it."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Transport(Protocol):
    """Sends frames in the order given, never waits, and sends nothing after a close.

    To be used on the event loop of its connection alone.
    """

    def settle(self) -> None:
        """Let go of what only the handshake needed, now that the client was accepted."""

    def send(self, frame: Frame | Run) -> bool:
        """Take a frame, or several, for sending; for a closing connection it is dropped.

        Returns True where it has left the process, and so has everything before it; where not,
        `unsent` tells how much waits.
        """

    def close(self, code: CloseCode, reason: str) -> None:
        """Close after what was sent before; later calls do nothing."""

    @property
    def unsent(self) -> int:
        """Bytes taken that have not left the process."""

    @property
    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def is_gone(self) -> bool:
        """Whether there is nothing left to wait for: all is sent and the client has answered."""

    async def detach(self) -> None:
        """Release what the transport holds, when its connection has ended."""


class AsgiTransport:
    """Any ASGI server: one writer task awaits the server's `send`, so that a full client makes
    its own frames wait and nobody else's.

    A close waits likewise. Where the client does not let it out in time, `on_stuck` is called: an
    application can only end then, for ASGI has no way to cut a connection.
    """

    def __init__(self, send: Send, on_stuck: Callable[[], object] = lambda: None) -> None:
        self._send = send
        self._on_stuck = on_stuck
        self._deadline: asyncio.TimerHandle | None = None
        self._queue: deque[Frame | tuple[CloseCode, str]] = deque()
        self._unsent = 0
        self._closing = False
        self._gone = False
        self._ready = asyncio.Event()
        self._writer = asyncio.create_task(self._write())

    def settle(self) -> None: ...

    def send(self, frame: Frame | Run) -> bool:
        if not self._closing:
            self._unsent += sum(len(one.wire) for one in frame.each)
            self._queue += frame.each
            self._ready.set()
        return False

    def close(self, code: CloseCode, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        self._queue.append((code, reason))
        self._ready.set()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(CLOSE_TIMEOUT, self._get_stuck)

    @property
    def unsent(self) -> int:
        return self._unsent

    @property
    def is_closing(self) -> bool:
        return self._closing

    @property
    def is_gone(self) -> bool:
        return self._gone

    async def detach(self) -> None:
        self._closing = True
        self._be_gone()
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._queue:
                await self._write_one(self._queue.popleft())

    async def _write_one(self, item: Frame | tuple[CloseCode, str]) -> None:
        try:
            if isinstance(item, Frame):
                await self._send({"type": "websocket.send", "text": item.text})
                self._unsent -= len(item.wire)
            else:
                await self._write_close(*item)
                self._be_gone()
        except Exception:  # servers raise errors of their own for a client that has gone
            await self._give_up()

    async def _give_up(self) -> None:
        """Close a client that could not be sent to, or not with the code asked for: autobahn's
        `sendClose` refuses 1001. One that has not gone would stay connected, and deaf."""
        self._closing = True
        self._queue.clear()
        self._unsent = 0
        with contextlib.suppress(Exception):
            await self._write_close(CloseCode.RESTARTING, "")
        self._be_gone()

    def _get_stuck(self) -> None:
        self._be_gone()
        self._on_stuck()

    def _be_gone(self) -> None:
        self._gone = True
        if self._deadline is not None:
            self._deadline.cancel()

    async def _write_close(self, code: CloseCode, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
