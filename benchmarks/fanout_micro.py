"""What does the relay add to the one system call that a message to a client takes?

    python benchmarks/fanout_micro.py --clients 1000

Each client is one end of a socket pair, and the relay's whole way from a read of the log to the
sockets is timed, without a network, a server and a database: the processor time of each client and
message. The same bytes are written to the same
sockets by a bare loop in the same run, in turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import datetime
import os
import socket
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubproject.settings")

import django  # noqa: E402

django.setup()

from benchmarks import markdown  # noqa: E402
from realtime import relay as relay_module  # noqa: E402
from realtime.connection import Connection, Identity  # noqa: E402
from realtime.frames import Frame  # noqa: E402
from realtime.grants import Grant  # noqa: E402
from realtime.relay import Relay  # noqa: E402
from sync.cursor import Position  # noqa: E402
from sync.models import SyncLog  # noqa: E402
from sync.reading import Tail  # noqa: E402

EPOCH = "0123abcd"
NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
AUDIENCES = 100
"""Audiences where a change is for few clients, each of which hears one of them."""
GOAL = 1.0
"""Microseconds that the relay may take for itself for each client and message."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    changes: int = 1
    """Changes that one look at the log finds."""
    few: bool = False
    """Whether a change is for one client in a hundred."""
    batch: bool = False


SCENARIOS = (
    Scenario("a change for everybody"),
    Scenario("a change for one in 100", few=True),
    Scenario("100 changes at once", changes=100),
    Scenario("100 changes at once, batched", changes=100, batch=True),
)


class SocketTransport:
    """Writes each frame by one system call, and does nothing else."""

    unsent = 0
    is_closing = False

    def __init__(self, client: socket.socket) -> None:
        self._write = client.send

    def send(self, frame: Frame) -> bool:
        wire = frame.wire
        return self._write(wire) == len(wire)


class RecordingTransport(SocketTransport):
    """Keeps what it writes, for the bare loop to write the same."""

    def __init__(self, client: socket.socket) -> None:
        super().__init__(client)
        self.wires: list[bytes] = []

    def send(self, frame: Frame) -> bool:
        self.wires.append(frame.wire)
        return super().send(frame)


class NoTransport:
    """Writes nothing: what is left is the relay's own work."""

    unsent = 0
    is_closing = False

    def send(self, frame: Frame) -> bool:
        return True


class Log:
    """A log that is read without a database: each look finds what was put there."""

    def __init__(self) -> None:
        self.end = Position(EPOCH, 0)
        self._news: list[SyncLog] = []

    def grow(self, changes: int, audience: str) -> None:
        first = self.end.seq + 1
        self._news = [_entry(number, audience) for number in range(first, first + changes)]
        self.end = Position.of_entry(EPOCH, self._news[-1])

    async def read(self, *ignored: Any) -> tuple[Tail, set[str]]:
        found, self._news = self._news, []
        return Tail(found, self.end, self.end), set()


class Clients:
    """Connections of a relay, and the sockets at whose other ends nobody reads."""

    def __init__(self, count: int, scenario: Scenario, *, writes: bool) -> None:
        self.scenario = scenario
        self.heard_by = [n for n in range(count) if not scenario.few or n % AUDIENCES == 0]
        self.relay, self.log = Relay(), Log()
        self.relay.position = self.log.end
        self._pairs = [socket.socketpair() for _ in range(count)] if writes else []
        self._recorded: list[bytes] = []
        for number in range(count):
            self.relay.join(_connection(self._transport(number), self._audience(number), scenario))

    async def look(self) -> float:
        """Return the processor time of a look at the log and what follows from it, in seconds."""
        self.log.grow(self.scenario.changes, self._audience(0))
        self._recorded.clear()
        relay_module.for_relay = self.log.read  # type: ignore[assignment]
        began = time.thread_time()
        await self.relay._look()
        return time.thread_time() - began

    def bare(self) -> float:
        """Return the processor time of writing the same to the same sockets again, in seconds."""
        wires = list(self._recorded)
        writes = [self._pairs[number][0].send for number in self.heard_by]
        began = time.thread_time()
        for wire in wires:
            for write in writes:
                write(wire)
        return time.thread_time() - began

    def drain(self) -> None:
        for _, other in self._pairs:
            other.setblocking(False)
            try:
                while other.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass

    def close(self) -> None:
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _audience(self, number: int) -> str:
        return f"project:{number % AUDIENCES}" if self.scenario.few else "everyone"

    def _transport(self, number: int) -> Any:
        if not self._pairs:
            return NoTransport()
        if number:
            return SocketTransport(self._pairs[number][0])
        recording = RecordingTransport(self._pairs[number][0])
        recording.wires = self._recorded
        return recording


def _entry(seq: int, audience: str) -> SyncLog:
    return SyncLog(
        seq=seq,
        table="tasks",
        record_id=str(seq),
        action="update",
        data=f'{{"id":{seq},"notes":"Ask for two quotes, and compare","title":"Order desks"}}',
        changed='["notes"]',
        event="task.updated",
        audience=audience,
        transaction=uuid.UUID(int=seq),
        source="request",
        published_at=NOON,
    )


def _connection(transport: Any, audience: str, scenario: Scenario) -> Connection:
    user = SimpleNamespace(pk=1)
    grant: Any = Grant(user, lambda: grant)
    connection = Connection(transport)
    connection.identity = Identity(user, "laptop", frozenset([audience]), grant)
    connection.audiences = frozenset([audience])
    connection.caught_up = True
    connection.batch = scenario.batch
    return connection


async def measured(scenario: Scenario, count: int, rounds: int) -> list[float]:
    """Return microseconds for each client and message: the relay's own, with the sockets, and the
    sockets alone."""
    own, writing = (Clients(count, scenario, writes=writes) for writes in (False, True))
    found: list[list[float]] = [[], [], []]
    for turn in range(rounds + 1):
        times = [await own.look(), await writing.look()]
        writing.drain()
        times.append(writing.bare())
        writing.drain()
        if turn:  # the first one warms up
            for kept, seconds in zip(found, times, strict=True):
                kept.append(seconds)
    writing.close()
    messages = len(writing.heard_by) * scenario.changes
    return [statistics.median(kept) / messages * 1e6 for kept in found]


def report(figures: dict[Scenario, list[float]]) -> Iterator[str]:
    yield markdown.table(
        ["microseconds of processor time", "relay alone", "relay", "bare loop", "ratio"],
        [
            [
                scenario.name,
                f"{own:.2f}",
                f"{relay:.2f}",
                f"{bare:.2f}",
                f"{relay / bare:.2f}",
            ]
            for scenario, (own, relay, bare) in figures.items()
        ],
    )
    own = figures[SCENARIOS[0]][0]
    text = f"{own:.2f} microseconds of the relay's own for each client (goal: less than {GOAL:g})"
    yield markdown.verdict(own < GOAL, f"{SCENARIOS[0].name}: {text}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000, help="clients (1000)")
    parser.add_argument("--rounds", type=int, default=20, help="looks of each kind (20)")
    given = parser.parse_args()
    if given.clients < AUDIENCES or given.rounds < 1:
        parser.error(f"give at least {AUDIENCES} clients and one round")
    found = {one: await measured(one, given.clients, given.rounds) for one in SCENARIOS}
    print("\n\n".join([markdown.machine(), *report(found)]))


if __name__ == "__main__":
    asyncio.run(main())
