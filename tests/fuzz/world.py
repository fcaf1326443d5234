"""A hub in this process for inputs by the million: one event loop, a small log, two users."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections
from django.test import override_settings

from realtime.conf import Conf
from realtime.devices import token_hash
from realtime.relay import relay
from realtime.routing import websocket_application
from tests.fuzz.findings import Complaints, Kind, require
from tests.fuzz.peer import SECONDS, Peer, scope_of
from tests.fuzz.vocabulary import EPOCH, OTHER_TOKEN, TOKEN

Result = TypeVar("Result")

RECORDS = 12
UNHURRIED: dict[str, Any] = {"TICK": 0.2, "AUTHENTICATION_TIMEOUT": 3600.0}
"""Nobody is sent away for being slow: a fuzzer's machine is."""
UNLIMITED = {
    "MESSAGE_RATE": 0,
    "SYNC_COST_RATE": 0,
    "MAX_CONNECTIONS_PER_USER": 0,
    "MAX_CONNECTIONS_PER_ADDRESS": 0,
    "MAX_UNAUTHENTICATED": 0,
    "MAX_UNAUTHENTICATED_PER_ADDRESS": 0,
    "PAIRING_ATTEMPTS": 2**31,
    "PAIRING_ATTEMPTS_IN_ALL": 2**31,
}
"""Nobody is refused for how much comes: a message that is dropped as one too many tests nothing."""
SMALL_PAGES = {"PAGE_LIMIT": 5}
"""The log of a few records has several pages."""


def settings_of(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return `REALTIME` for a fuzzed hub: a name that this version does not have is left out, so
    that one harness fits hubs with limits and without."""
    known = {field.name for field in dataclasses.fields(Conf)}
    return {
        name: value for name, value in (UNHURRIED | UNLIMITED | overrides).items() if name in known
    }


def populate() -> None:
    """Make the two users, whose tokens the inputs know, and the records."""
    from django.contrib.auth import get_user_model

    from hubproject.models import Project, Task
    from realtime.models import Device
    from sync.models import LogHead

    for token, name in ((TOKEN, "ada"), (OTHER_TOKEN, "grace")):
        user, _ = get_user_model().objects.get_or_create(username=name)
        prefix, digest = token.split("_")[1], token_hash(token)
        Device.objects.get_or_create(prefix=prefix, defaults={"user": user, "token_hash": digest})
    LogHead.objects.update_or_create(id=LogHead.SINGLETON, defaults={"epoch": EPOCH})
    project = Project.objects.get_or_create(name="fuzz")[0]
    for number in range(RECORDS - Task.objects.filter(project=project).count()):
        Task.objects.create(project=project, title=f"task {number}")


class World:
    """The hub and its event loop; every test and every target speaks with it through `run`."""

    def __init__(self, **overrides: Any) -> None:
        self.complaints = Complaints()
        self.frames = 0
        """How many frames clients have sent."""
        self._overrides = overrides
        self._numbers = itertools.count()
        self._stack = ExitStack()

    def __enter__(self) -> World:
        realtime = settings_of(self._overrides)
        self._stack.enter_context(override_settings(REALTIME=realtime, SYNC=_small_pages()))
        self._stack.enter_context(self.complaints)
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.run(sync_to_async(populate)())
        self.run(self._open())
        self._stack.callback(lambda: self.run(self._close()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.__exit__(*exc_info)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run on the world's event loop to the end."""
        return self._runner.run(coroutine)

    async def peer(self, **scope: Any) -> Peer:
        """Open a connection; the arguments are those of `scope_of`."""
        peer = Peer(websocket_application, scope_of(**scope))
        await peer.connect()
        return peer

    async def settle(self, peer: Peer) -> None:
        """Wait for all answers and check them."""
        await peer.settle(str(next(self._numbers)))
        self.complaints.raise_if_any()

    async def touch(self, peer: Peer) -> None:
        """Wait until every message has been looked at; pages may still be read."""
        if peer.closed is None:
            await peer.ask("ping", str(next(self._numbers)))
        self.complaints.raise_if_any()

    async def part(self, peer: Peer) -> None:
        """End a connection, and check that nothing of it is left."""
        await peer.leave()
        self.complaints.raise_if_any()
        await self._ended(asyncio.all_tasks() - self._tasks)
        require(not self._relay.connections, Kind.LEAK, "the relay keeps a connection")

    async def save(self) -> None:
        """Change a record, as another client's request would."""
        from hubproject.models import Task

        def change() -> None:
            number = next(self._numbers)
            title = f"task {number % RECORDS}"
            Task.objects.filter(title=title).update(notes=f"note {number}")

        await sync_to_async(change)()

    def look(self) -> None:
        """Have the relay look at the log at once."""
        self._relay.wake()

    async def _open(self) -> None:
        self._relay = await relay().__aenter__()
        await self._relay.refresh()
        self._tasks = asyncio.all_tasks()

    async def _close(self) -> None:
        await self._relay.__aexit__(None, None, None)
        await sync_to_async(connections.close_all)()

    async def _ended(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Check that tasks end by themselves, as the relay's looks at the database do."""
        ending = tasks - {asyncio.current_task()}
        if ending:
            _, staying = await asyncio.wait(ending, timeout=SECONDS)
            require(not staying, Kind.LEAK, f"tasks are left over: {staying}")


def _small_pages() -> dict[str, Any]:
    from django.conf import settings

    return {**settings.SYNC, **SMALL_PAGES}
