"""The clients of the soak: each comes and goes as it likes, and keeps books on what it is sent."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

from websockets.exceptions import WebSocketException

from tests.support.client import HubClient
from tests.support.ledger import seq_of
from tests.support.replica import Message

KEPT = 5
STAYS_SECONDS = (0.2, 8.0)
IS_AWAY_SECONDS = (0.0, 3.0)
RETRY_SECONDS = 0.2
DROPS = 0.4


class SoakClient(HubClient):
    """Remembers the place of every change it was sent, and between which places it was live."""

    def __init__(self, urls: Sequence[str], number: int, token: str, seed: int) -> None:
        super().__init__(urls[number % len(urls)], token=token, client_id=f"soak-{number}")
        self.urls = urls
        self.seen: set[int] = set()
        self.delivered = 0
        self.slowest = 0.0
        self.live: list[tuple[int, int]] = []
        self.snapshot_at: int | None = None
        self.visits: Counter[str] = Counter()
        self._live_from: int | None = None
        self._is_leaving = False
        self._chance = random.Random(seed)
        self._fields = {"batch": True} if number % 3 == 0 else {}

    def begin_connection(self) -> None:
        self._end_live()
        super().begin_connection()

    def take(self, message: Message) -> None:
        if message["type"] == "sync_response":
            self._end_live()
        super().take(message)
        del self.received[:-KEPT]
        if message["type"] == "sync_response" and not message["hasMore"]:
            self._live_from = seq_of(self.cursor)
            if self.snapshot_at is None:
                self.snapshot_at = self._live_from

    def end(self) -> None:
        """Close the books."""
        self._end_live()

    async def roam(self) -> None:
        """Come and go until cancelled; one in ten stays for good."""
        stays = self._chance.random() < 0.1
        while True:
            await self._visit()
            await asyncio.sleep(self._chance.uniform(*STAYS_SECONDS))
            if not stays:
                await self._leave()
                await asyncio.sleep(self._chance.uniform(*IS_AWAY_SECONDS))
                self.url = self._chance.choice(self.urls)

    async def come_back(self) -> None:
        """Connect for the last time, unless connected; whatever `roam` was cancelled in."""
        if self._is_leaving or not self.caught_up:
            await self.drop()
        await self._visit()

    async def _visit(self) -> None:
        while not self.is_open:
            try:
                await self.drop()
                started = time.monotonic()
                await self.connect()
                await self.join(**self._fields)
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.visits["connected"] += 1
            except (OSError, WebSocketException):
                await asyncio.sleep(RETRY_SECONDS)

    async def _leave(self) -> None:
        self._is_leaving = True
        drops = self._chance.random() < DROPS
        await (self.drop() if drops else self.close())
        self._is_leaving = False
        self.visits["dropped" if drops else "closed"] += 1

    def _apply(self, change: Message) -> None:
        super()._apply(change)
        self.delivered += 1
        if change.get("cursor"):
            self.seen.add(seq_of(change["cursor"]))

    def _end_live(self) -> None:
        if self._live_from is not None:
            self.live.append((self._live_from, seq_of(self.cursor)))
        self._live_from = None

    def _take(self, message: Message) -> None:
        # Nobody waits for an event here, and millions of them would have to be kept.
        if message["type"] == "event":
            self.take(message)
        else:
            super()._take(message)


def lost_by(client: SoakClient, log: Sequence[Any], newest: Set[int]) -> set[int]:
    """Return the places of changes that a client should have been sent and was not: each that came
    while it was live, and the newest of each record."""
    wanted = {
        entry.seq
        for entry in log
        if entry.seq in newest
        and (entry.action != "delete" or entry.seq > (client.snapshot_at or 0))
    }
    heard = [entry.seq for entry in log if not entry.is_unchanged]
    for start, end in client.live:
        wanted.update(seq for seq in heard if start < seq <= end)
    return wanted - client.seen
