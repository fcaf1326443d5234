"""A client's life in a proof: it comes, stays, asks, stops reading, goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from websockets.exceptions import WebSocketException

from tests.proof.clients import ProofClient, Refused
from tests.proof.world import World
from tests.support.off_loop import off_loop

RETRY_SECONDS: Final = 0.05
STAYS_SECONDS: Final = (0.01, 0.8)
FORGETS: Final = 0.5
"""How often a client that was sent away for good forgets what it holds."""
TRIES_ANYWAY: Final = 0.2
STAYS: Final = 0.4
"""How many clients hardly ever do anything but listen."""
STAYS_ON: Final = 0.97

Permitted = Callable[[ProofClient], frozenset[str]]


class Roamer:
    """Moves one client about until told to rest; two with the same seed choose the same."""

    def __init__(
        self, world: World, client: ProofClient, urls: list[str], permitted: Permitted, seed: str
    ) -> None:
        self.client = client
        self.steps = 0
        self.rests = False
        self.keeps_away = False
        self._world = world
        self._urls = urls
        self._permitted = permitted
        self._chance = random.Random(seed)
        self._known_end = 0
        self._was_sent_away = False
        self._stays = self._chance.random() < STAYS

    async def roam(self) -> None:
        """Do one thing after the other until cancelled; at rest, only stay connected, and when told
        to keep away, do nothing."""
        while True:
            if self.keeps_away:
                await self.client.leave(drops=True)
            elif not self.client.is_open:
                await self._come()
            elif self.rests:
                self.client.read_on()
            else:
                await self._live()
            await asyncio.sleep(
                RETRY_SECONDS if self.rests else self._chance.uniform(*STAYS_SECONDS)
            )

    async def _live(self) -> None:
        self.steps += 1
        if self._stays and self._chance.random() < STAYS_ON:
            return
        chance = self._chance.random()
        if chance < 0.3:
            await self.client.leave(drops=chance < 0.15)
        elif chance < 0.45:
            await self._try(self.client.probe(self._chance.choice(list(self._world.groups))))
        elif chance < 0.55 and self.client.manner.says_hello and not self.client.manner.narrows:
            await self._try(self.client.introduce(self._permitted(self.client)))
        elif self.client.manner.reads_slowly:
            self.client.read_no_more()
            await asyncio.sleep(self._chance.uniform(0, 2))
            self.client.read_on()

    async def _come(self) -> None:
        await self._end()
        if self._was_sent_away and not await self._is_let_in():
            return
        self.steps += not self.rests
        permitted = self._permitted(self.client)
        if permitted or not self.client.manner.narrows:
            await self._try(self.client.come(self._chance.choice(self._urls), permitted))

    async def _try(self, work: object) -> None:
        """Do something on a connection that may end meanwhile, which is judged by its code."""
        try:
            await work  # type: ignore[misc]
        except Refused:
            # Rights were lost between the choice and the asking: a narrowed hello is refused whole.
            if self.client.is_open and not self.client.caught_up:
                await self.client.leave(drops=True)
        except (OSError, WebSocketException):
            await self._end()
        except AssertionError as error:
            if self.client.is_open:
                self.client.complaints.append(("in vain", f"{self.client.name}: {error}"))
            await self._end()

    async def _is_let_in(self) -> bool:
        """Get a new credential, where the user is good for one; else seldom try with the old."""
        if await off_loop(self._world.may_hear_something, self.client.user):
            self.client.carry(await off_loop(self._world.admit, self.client.user))
            self._was_sent_away = False
            return True
        return not self.rests and self._chance.random() < TRIES_ANYWAY

    async def _end(self) -> None:
        """Clear away what is left of a connection."""
        client = self.client
        client.read_on()
        await client.leave(drops=True)
        news = client.ended[self._known_end :]
        self._known_end = len(client.ended)
        if any(closed.code >= 4500 for closed in news):
            self._was_sent_away = True
            if self._chance.random() < FORGETS:
                client.forget()
