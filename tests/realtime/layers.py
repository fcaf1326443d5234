"""Channel layers that do on purpose what a broken one does by accident."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, ClassVar

HERE = "tests.realtime.layers"
SECONDS = 20


class RecordingLayer:
    """Keeps what it is told, and hears nothing."""

    sent: ClassVar[list[dict[str, Any]]] = []
    threads: ClassVar[set[str]] = set()
    _news: ClassVar[threading.Condition] = threading.Condition()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        with self._news:
            self.sent.append({"group": group} | message)
            self.threads.add(threading.current_thread().name)
            self._news.notify_all()

    async def new_channel(self) -> str:
        return "recording"

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_discard(self, group: str, channel: str) -> None: ...

    async def receive(self, channel: str) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    @classmethod
    def reset(cls) -> None:
        cls.sent.clear()
        cls.threads.clear()

    @classmethod
    def wait_for(cls, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages were sent; returns them."""
        with cls._news:
            assert cls._news.wait_for(lambda: len(cls.sent) >= count, SECONDS), cls.sent
            return list(cls.sent)


class DeadLayer(RecordingLayer):
    """Refuses everything, as a Redis that is down."""

    attempts: ClassVar[threading.Semaphore] = threading.Semaphore(0)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.attempts.release()
        raise ConnectionRefusedError("the layer is down")

    async def new_channel(self) -> str:
        raise ConnectionRefusedError("the layer is down")


class HangingLayer(RecordingLayer):
    """Takes a message and does not answer until a test lets it."""

    entered: ClassVar[threading.Semaphore] = threading.Semaphore(0)
    may_go_on: ClassVar[threading.Event] = threading.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.entered.release()
        await asyncio.to_thread(self.may_go_on.wait, SECONDS)
        await super().group_send(group, message)
