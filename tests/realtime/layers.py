"""Channel layers that do on purpose what a broken one does by accident."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, ClassVar, Final

HERE: Final = "tests.realtime.layers"
SECONDS: Final = 20

_sent: Final[list[dict[str, Any]]] = []
_news: Final = threading.Condition()


class RecordingLayer:
    """Keeps what it is told, with the name of the thread that told it, and hears nothing."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        with _news:
            _sent.append({"group": group, "thread": threading.current_thread().name} | message)
            _news.notify_all()

    async def new_channel(self) -> str:
        return "recording"

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_discard(self, group: str, channel: str) -> None: ...

    async def receive(self, channel: str) -> dict[str, Any]:
        return await asyncio.Future()

    @staticmethod
    def sent() -> list[str]:
        """The types of what was told so far, in order."""
        with _news:
            return [message["type"] for message in _sent]

    @staticmethod
    def wait_for(kind: str) -> dict[str, Any]:
        """Wait until a message of this type was told; returns the first."""

        def find() -> dict[str, Any] | None:
            return next((message for message in _sent if message["type"] == kind), None)

        with _news:
            assert _news.wait_for(find, SECONDS), f"nobody told {kind}, but {_sent}"
            return find() or {}


class DeadLayer(RecordingLayer):
    """Refuses everything, as a Redis that is down."""

    attempts: ClassVar = threading.Semaphore(0)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.attempts.release()
        raise ConnectionRefusedError("the layer is down")

    async def new_channel(self) -> str:
        raise ConnectionRefusedError("the layer is down")


class HangingLayer(RecordingLayer):
    """Takes a message and does not answer until a test lets it."""

    entered: ClassVar = threading.Semaphore(0)
    may_go_on: ClassVar = threading.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.entered.release()
        await asyncio.to_thread(self.may_go_on.wait, SECONDS)
        await super().group_send(group, message)


def reset() -> None:
    """Forget what former tests left."""
    with _news:
        _sent.clear()
    HangingLayer.may_go_on.clear()
    for semaphore in (DeadLayer.attempts, HangingLayer.entered):
        while semaphore.acquire(blocking=False):
            pass
