"""A proof: writers, clients and servers at work together, and what was found."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from sync.epochs import start_new_epoch
from sync.publishing import publish
from sync.registry import EVERYONE
from sync.retention import prune
from tests.proof.clients import ProofClient
from tests.proof.comparing import differences, states_of
from tests.proof.manners import MANNERS
from tests.proof.oracle import Oracle
from tests.proof.roaming import Roamer
from tests.proof.world import World
from tests.proof.writing import Writer
from tests.support.off_loop import off_loop
from tests.support.state import State
from tests.support.threads import in_threads
from tests.support.varied import varied

TICK: Final = 0.1
RECHECK_INTERVAL: Final = 0.5
ALLOWANCE: Final = 1.1 * RECHECK_INTERVAL + TICK + 3.0
"""Seconds for which a loss that nobody announced may go unnoticed; the last three are for a
machine that has other things to do."""

POLL_SECONDS: Final = 0.1
ROUND: Final = 120
"""Transactions between two looks at all replicas."""

AWAY: Final = 0.25
"""How many clients are away while the others are looked at."""

HUB_SETTINGS: Final[dict[str, Any]] = {
    "REALTIME": {
        "TICK": TICK,
        "RECHECK_INTERVAL": RECHECK_INTERVAL,
        "MAX_HELD_EVENTS": 30,
        "MAX_UNSENT_BYTES": 16 * 1024,
        "DRAIN_TIMEOUT": 10,
    },
    "SYNC": {
        "AUDIENCES": "tests.proof.audiences.audiences_for",
        "PAGE_LIMIT": 20,
        "PAGE_BYTES": 32 * 1024,
    },
}

VIOLATIONS: Final = (
    "foreign value",
    "foreign change",
    "heard after being told",
    "records kept after loss",
    "permitted records missing",
    "records other than in the database",
    "unexpected close",
    "unexpected error",
    "unknown transaction",
    "in vain",
)


def hub_options(**more: Any) -> dict[str, Any]:
    """Return the arguments of a `Hub` of a proof; `more` are settings laid over those."""
    return varied(**(HUB_SETTINGS | more))


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """How much a proof does."""

    steps: int
    clients: int = 18
    users: int = 5
    teams: int = 4
    writers: int = 3
    quiet: float = 40.0
    """Seconds after which what has not come counts as missing."""
    stops_at: frozenset[str] = frozenset()
    """Kinds of violations after whose first the proof has shown what it was to show."""


class Proof:
    """One run on a database that no other proof has used; its `figures` are what was found."""

    def __init__(self, urls: list[str], size: Size, seed: int) -> None:
        self.seed = seed
        self.oracle = Oracle(ALLOWANCE)
        self.figures: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self.traces: list[str] = []
        """What was said last on the connections of clients whose replicas were wrong."""
        self._urls = urls
        self._size = size
        self._chance = random.Random(seed)
        self._roamers: list[Roamer] = []
        self._writers: list[Writer] = []
        self._written = 0

    async def run(self, progress: Callable[[Proof], None] = lambda proof: None) -> Counter[str]:
        """Do the steps; returns the figures, `violations` among them."""
        await off_loop(self._prepare)
        roaming = [asyncio.create_task(one.roam()) for one in self._roamers]
        try:
            while not self._is_over():
                await self._round(is_last=self.steps >= self._size.steps)
                for task in roaming:
                    if task.done():
                        task.result()
                progress(self)
        finally:
            for task in roaming:
                task.cancel()
            await asyncio.gather(*roaming, return_exceptions=True)
            for roamer in self._roamers:
                await roamer.client.leave(drops=True)
        return self.figures

    @property
    def steps(self) -> int:
        """Transactions, and what clients have done, so far."""
        return self._written + sum(roamer.steps for roamer in self._roamers)

    @property
    def violations(self) -> int:
        """How often something was found that must not be, so far."""
        return sum(self.figures[kind] for kind in VIOLATIONS)

    def _is_over(self) -> bool:
        if any(self.figures[kind] for kind in self._size.stops_at):
            return True
        return bool(self.figures["looks at the end"])

    def _prepare(self) -> None:
        size, seed = self._size, self.seed
        world = self.world = World(self.oracle, size.users, size.teams)
        for user in world.users:
            with world.transaction() as done:
                names = self._chance.sample(list(world.teams), size.teams // 2)
                done.joins(user, world.groups, {*names, EVERYONE})
        self._writers = [Writer(world, f"{seed} writer {n}") for n in range(size.writers)]
        for number in range(size.clients):
            user = world.users[number % size.users]
            manner = MANNERS[number % len(MANNERS)]
            client = ProofClient(f"client {number}", manner, user, f"{seed} client {number}")
            client.carry(world.admit(user))
            self._roamers.append(
                Roamer(world, client, self._urls, self._permitted, f"{seed} roamer {number}")
            )
        self.oracle.catch_up()

    def _permitted(self, client: ProofClient) -> frozenset[str]:
        return self.oracle.rights.held(client.credential)

    async def _round(self, *, is_last: bool) -> None:
        each = ROUND // len(self._writers)

        def write(writer: Writer) -> None:
            for _ in range(each):
                writer.step()

        await off_loop(in_threads, *(lambda one=one: write(one) for one in self._writers))
        self._written = sum(
            one.counts["committed"] + one.counts["rolled back"] for one in self._writers
        )
        await self._look(is_last=is_last)
        for roamer in self._roamers:
            roamer.rests = roamer.keeps_away = False
        if not is_last:
            await off_loop(self._maintain)

    def _maintain(self) -> None:
        """Forget much of the log now and then, and call what is left by another name."""
        self.world.harvest()
        if self._chance.random() < 0.4:
            for _ in prune(
                "default", older_than=timedelta(seconds=self._chance.choice((0, 2, 10)))
            ):
                pass
            self._done["prunes"] += 1
        if self._chance.random() < 0.1:
            start_new_epoch("default")
            self._done["new epochs"] += 1

    async def _look(self, *, is_last: bool) -> None:
        """Let everything come to rest, and compare every replica with the database; then take
        rights away without a word, which only the periodic look of the hubs can find."""
        staying = [one for one in self._roamers if is_last or self._chance.random() >= AWAY]
        for roamer in self._roamers:
            roamer.rests = roamer in staying
            roamer.keeps_away = roamer not in staying
        for disturb in (self._writers[0].write_everywhere, self._writers[0].lose_quietly):
            await off_loop(disturb)
            await self._come_to_rest([roamer.client for roamer in staying])
        self._judge()
        self._count(looks_at_the_end=is_last, compared=2 * len(staying))

    async def _come_to_rest(self, clients: list[ProofClient]) -> None:
        await off_loop(publish)  # hubs without any client do not
        await off_loop(self._catch_up)
        states = await off_loop(states_of, self.world.groups)
        deadline = time.monotonic() + self._size.quiet
        while any(self._differences(client, states) for client in clients):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL_SECONDS)
            if await off_loop(self._catch_up):  # a client that was sent away got a new credential
                states = await off_loop(states_of, self.world.groups)
        for client in clients:
            for kind, text in self._differences(client, states):
                self.oracle.complain(kind, text)
            if self._differences(client, states):
                self.traces.append("\n".join([client.name, *client.recent]))
        await off_loop(self._catch_up)

    def _catch_up(self) -> bool:
        self.world.harvest()
        return self.oracle.catch_up()

    def _differences(
        self, client: ProofClient, states: Mapping[str, State]
    ) -> list[tuple[str, str]]:
        return differences(client, self._permitted(client), states)

    def _judge(self) -> None:
        for client in (roamer.client for roamer in self._roamers):
            sent, client.sent = client.sent, []
            for one in sent:
                self.oracle.judge(one)
            while client.judged < len(client.ended):
                self.oracle.judge_end(client.ended[client.judged])
                client.judged += 1
            complaints, client.complaints = client.complaints, []
            for kind, text in complaints:
                self.oracle.complain(kind, text)

    def _count(self, *, looks_at_the_end: bool, compared: int) -> None:
        self._done["looks at the end"] += looks_at_the_end
        self._done["replicas compared"] += compared
        figures = Counter(self._done)
        for roamer in self._roamers:
            figures.update(roamer.client.counts)
            figures["resets"] += roamer.client.resets
        for writer in self._writers:
            figures.update(writer.counts)
        figures.update(self.oracle.counts)
        figures["steps"] = self.steps
        self.figures = figures
