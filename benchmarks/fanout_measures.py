"""The measurements, each on a server of its own; every figure of a server is one core's."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from benchmarks.fanout_client import Crowd
from benchmarks.fanout_servers import SETTLE_SECONDS, Server
from benchmarks.fanout_subjects import Subject, asked, bare_sockets, burst

JOIN_SECONDS: Final = (60.0, 0.1)
"""How long clients may take to be let in: all together, and each of them besides."""
STORM_SECONDS: Final = 300.0
HEAR_SECONDS: Final = 60.0
LEAST_BURSTS: Final = 3
MOST_BURSTS: Final = 12
GROWING: Final = 5
"""By how much a burst grows until it is long enough, which warms the server up as well."""
WARM_CLIENTS: Final = 100

Fire = Callable[[Server, int], AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Speed:
    """What one server core has delivered, and what it took."""

    rate: float
    """Messages per second, all clients together."""
    microseconds: float
    """Processor time of the server per message."""
    bytes: float
    """Of one message, on the wire."""
    busy: float
    """Of its time, how much the load client was working."""


@dataclasses.dataclass(frozen=True)
class Storm:
    """How clients that came all at once were let in."""

    seconds: float
    """Until the last one was in."""
    sent_away: int
    """How often one of them was told to come again."""
    cpu_seconds: float
    """Processor time of the server until then."""


def let_in(crowd: Crowd, clients: int) -> None:
    """Bring in so many more clients, a few at a time, before anything is measured."""
    together, each = JOIN_SECONDS
    crowd.join(clients, together + each * clients)


@contextmanager
def crowd_of(subject: Subject) -> Iterator[tuple[Server, Crowd]]:
    """Start a subject's server and yield it with its clients, of which there are none yet."""
    dialect = subject.dialect()
    with subject.server() as server:
        crowd = Crowd(server.address, dialect)
        try:
            yield server, crowd
        except Exception as error:
            error.add_note(server.log_text())
            raise
        finally:
            crowd.close()


def speed(server: Server, crowd: Crowd, fire: Fire, most: int, seconds: float) -> Speed:
    """Send bursts for about so many seconds; the rate is the median burst's."""
    crowd.listen(SETTLE_SECONDS)
    events = 1
    while (took := _burst(server, crowd, fire, events)[0]) < seconds and events < most:
        events = min(most, events * GROWING)
    events = min(events, max(1, int(events * seconds / LEAST_BURSTS / took)))
    read = crowd.bytes
    found: list[tuple[float, float, float]] = []
    while len(found) < MOST_BURSTS and sum(took for took, _, _ in found) < seconds:
        found.append(_burst(server, crowd, fire, events))
    messages = events * len(crowd)
    return Speed(
        rate=messages / statistics.median(took for took, _, _ in found),
        microseconds=sum(cpu for _, cpu, _ in found) / len(found) / messages * 1e6,
        bytes=(crowd.bytes - read) / len(found) / messages,
        busy=sum(busy for _, _, busy in found) / sum(took for took, _, _ in found),
    )


def _burst(server: Server, crowd: Crowd, fire: Fire, events: int) -> tuple[float, float, float]:
    """Return the seconds until the last client has the last event, those that the server worked,
    and those that the client did."""
    with fire(server, events):
        started, cpu, own = time.perf_counter(), server.cpu_seconds(), time.thread_time()
        last = crowd.hear(events, HEAR_SECONDS)
        return last - started, server.cpu_seconds() - cpu, time.thread_time() - own


def last_of_all(server: Server, crowd: Crowd, fire: Fire) -> float:
    """Return the seconds until the last client has one event."""
    return _burst(server, crowd, fire, 1)[0]


def idle_bytes(subject: Subject, clients: int) -> float:
    """Return what one more connection takes of the server's memory, after the first hundred."""
    with crowd_of(subject) as (server, crowd):
        let_in(crowd, WARM_CLIENTS)
        crowd.listen(SETTLE_SECONDS)
        before = server.memory()
        let_in(crowd, clients)
        crowd.listen(4 * SETTLE_SECONDS)
        return (server.memory() - before) / clients


def storm(subject: Subject, clients: int) -> Storm:
    """Have so many clients come at once; who is sent away comes again when it was told to."""
    with crowd_of(subject) as (server, crowd):
        before = server.cpu_seconds()
        seconds = crowd.join(clients, STORM_SECONDS, at_once=clients, patient=True)
        return Storm(seconds, crowd.sent_away, server.cpu_seconds() - before)


def client_capacity(clients: int, seconds: float) -> tuple[float, float, Speed]:
    """Return what the load client takes: messages per second when each comes by itself, and when
    fifty are there at once; and what a bare loop over sockets delivers to it."""
    subject = bare_sockets()
    with crowd_of(subject) as (server, crowd):
        let_in(crowd, clients)
        single, heaped = (_drained(server, crowd, seconds, heap) for heap in (1, 50))
        return single, heaped, speed(server, crowd, burst, subject.most, seconds)


def _drained(server: Server, crowd: Crowd, seconds: float, heap: int) -> float:
    """Return how fast the client empties sockets that were filled while it did not read."""
    rates = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not rates:
        with asked(server, f"/heap/{heap}") as connection:
            connection.recv(1024)
            started = time.perf_counter()
            rates.append(heap * len(crowd) / (crowd.hear(heap, HEAR_SECONDS) - started))
    return statistics.median(rates)
