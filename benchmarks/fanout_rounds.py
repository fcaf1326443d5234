"""The steps of a run: every subject in every round, each step's failure its own."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

from benchmarks.fanout_hub import HubSubject
from benchmarks.fanout_measures import (
    Fire,
    Speed,
    Storm,
    client_capacity,
    crowd_of,
    idle_bytes,
    last_of_all,
    let_in,
    speed,
    storm,
)
from benchmarks.fanout_subjects import CHANNELS, HUB, HUB_BROADCAST, Subject, burst, peers

FIGURES: Final = ("control", "fanout", "memory", "batch", "storm", "latency")
BATCH_CLIENTS: Final = 100
BATCHED, ONE_BY_ONE, ALONE = "with `batch`", "without", "the log alone: one client, with `batch`"
BATCHES: Final = {
    BATCHED: (BATCH_CLIENTS, True),
    ONE_BY_ONE: (BATCH_CLIENTS, False),
    ALONE: (1, True),
}
"""How many clients hear the same changes, and whether they asked for batches."""
BATCH_CHANGES: Final = 2000
BEHIND: Final = 100
CHANGES_PER_SECOND: Final = 1.0


@dataclasses.dataclass
class Found:
    """All that was measured; where there are rounds, one value of each."""

    control: list[tuple[float, float, Speed]] = dataclasses.field(default_factory=list)
    fanout: dict[str, dict[int, list[Speed]]] = dataclasses.field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    memory: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    batch: dict[str, list[Speed]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    storm: dict[str, list[Storm]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    latency: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    read: list[float] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    took: dict[str, float] = dataclasses.field(default_factory=dict)
    """The seconds of each step."""


Step = tuple[str, Callable[[], None]]


class Run:
    """What is to be measured, on servers that are started and ended one by one."""

    def __init__(self, given: argparse.Namespace, database_url: str, redis_url: str) -> None:
        self._given = given
        self._hub = HubSubject(database_url, redis_url)
        everybody = [self._hub.subject(), *peers(redis_url)]
        self._subjects = [one for one in everybody if chosen(one, given.subjects)]
        self.found = Found()

    def steps(self) -> Iterator[Step]:
        """Return the steps, round by round, so that what disturbs the machine disturbs all."""
        if "control" in self._given.figures:
            yield "the load client", self._control
        for number in range(self._given.rounds):
            for name, step in self._round():
                yield f"round {number + 1}: {name}", step
        if "latency" in self._given.figures:
            yield "latency", self._latency

    def _round(self) -> Iterator[Step]:
        figures = self._given.figures
        for subject in self._subjects:
            if "fanout" in figures:
                yield f"fan-out, {subject.name}", lambda subject=subject: self._fan_out(subject)
        for subject in self._subjects:
            if "memory" in figures:
                yield f"memory, {subject.name}", lambda subject=subject: self._memory(subject)
        if "batch" in figures and self._hub_is_chosen:
            for name in BATCHES:
                yield f"batches, {name}", lambda name=name: self._batch(name)
        for subject in self._subjects:
            if "storm" in figures and subject.name in (HUB, CHANNELS):
                yield f"storm, {subject.name}", lambda subject=subject: self._storm(subject)

    @property
    def _hub_is_chosen(self) -> bool:
        return any(subject.name == HUB for subject in self._subjects)

    def _control(self) -> None:
        clients = min(1000, max(self._given.clients))
        self.found.control.append(client_capacity(clients, self._given.seconds))

    def _fan_out(self, subject: Subject) -> None:
        """Grow the same crowd from size to size."""
        ways: dict[str, Fire] = {subject.name: burst}
        if subject.name == HUB:
            ways = {HUB: self._hub.commit, HUB_BROADCAST: burst}
        with crowd_of(subject) as (server, crowd):
            for clients in self._given.clients:
                let_in(crowd, clients - len(crowd))
                for name, fire in ways.items():
                    found = speed(server, crowd, fire, subject.most, self._given.seconds)
                    self.found.fanout[name][clients].append(found)

    def _memory(self, subject: Subject) -> None:
        found = idle_bytes(subject, self._given.idle)
        self.found.memory[subject.name].append(found)

    def _batch(self, name: str) -> None:
        clients, batch = BATCHES[name]
        with crowd_of(self._hub.subject(batch=batch)) as (server, crowd):
            let_in(crowd, clients)
            found = speed(server, crowd, self._hub.commit, BATCH_CHANGES, self._given.seconds)
        self.found.batch[name].append(found)

    def _storm(self, subject: Subject) -> None:
        if subject.name == HUB:
            cursor = self._hub.cursor()
            self._hub.write(BEHIND)
            self._hub.cursor()
            subject = self._hub.subject(cursor=cursor)
        found = storm(subject, self._given.storm)
        self.found.storm[subject.name].append(found)

    def _latency(self) -> None:
        """Write one change a second to the clients of each, in turn; all servers run meanwhile."""
        fires: dict[str, Fire] = {HUB: self._hub.commit, CHANNELS: burst}
        measured = [subject for subject in self._subjects if subject.name in fires]
        if not measured:
            return
        with ExitStack() as stack:
            running = {one.name: stack.enter_context(crowd_of(one)) for one in measured}
            for _, crowd in running.values():
                let_in(crowd, self._given.audience)
            for _ in range(self._given.changes):
                for name, (server, crowd) in running.items():
                    until = time.perf_counter() + 1 / CHANGES_PER_SECOND / len(running)
                    took = last_of_all(server, crowd, fires[name])
                    self.found.latency[name].append(took)
                    if name == HUB:
                        self.found.read.append(self._hub.read_seconds())
                    crowd.listen(until - time.perf_counter())


def chosen(subject: Subject, names: list[str]) -> bool:
    """Tell whether a subject is among those asked for, each named by a part of its name."""
    return not names or any(name.casefold() in subject.name.casefold() for name in names)
