"""The tables and verdicts of a run."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

from benchmarks import markdown
from benchmarks.fanout_measures import Speed
from benchmarks.fanout_rounds import ALONE, BATCHED, BATCHES, ONE_BY_ONE, Found
from benchmarks.fanout_servers import OTHER_CORE, SERVER_CORE
from benchmarks.fanout_subjects import CHANNELS, HUB, NODE_WS
from tests.support.environment import ROOT

PACKAGES: Final = (
    *("channels", "daphne", "channels-redis", "python-socketio", "uvicorn", "websockets"),
    "django-eventstream",
)
GOALS_OF_FANOUT: Final = (
    (CHANNELS, 1000, 60.0),
    (NODE_WS, 1000, 1.2),
    (NODE_WS, 5000, 1.2),
    (NODE_WS, 100, 0.9),
)
LATENCY_GOAL: Final = 0.1
ABOVE_READ_GOAL: Final = 0.005
MEMORY_GOAL: Final = 0.8
BATCH_GOAL: Final = 5.0
STORM_GOAL: Final = 1.5
GROWTH: Final = (1000, 10_000, 0.8)


def report(found: Found, storm: int, audience: int) -> Iterator[str]:
    """Yield the parts of the report, those for which there are figures."""
    yield setting()
    if found.control:
        yield control(found)
    if found.fanout:
        yield "### Messages per second of one server core\n\n" + fanout(
            found, lambda speed: speed.rate, "{:,.0f}"
        )
        yield "### Microseconds of the server's processor time per message\n\n" + fanout(
            found, lambda speed: speed.microseconds, "{:,.2f}"
        )
        yield "### What one message is, and what its reader had to do\n\n" + around(found)
    if found.latency:
        yield f"### From the commit to the last of {audience:,} clients\n\n" + latency(found)
    rows = list(others(found, storm))
    if rows:
        yield "### Connections and batches\n\n" + markdown.table(["", "", "median"], rows)
    yield "\n".join(judged(found, storm))
    if found.failures:
        yield "Not measured:\n\n" + "\n".join(f"- {failure}" for failure in found.failures)


def setting() -> str:
    """Return what the figures were made with."""
    alone = "" if SERVER_CORE != OTHER_CORE else " There is only one core: all share it."
    packages = json.loads((ROOT / "benchmarks/node/package.json").read_text())["dependencies"]
    versions = [f"{name} {number}" for name, number in packages.items()]
    if node := shutil.which("node"):
        found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        versions.insert(0, f"Node {found.stdout.strip()}")
    return (
        "The server measured has one core; the load client, PostgreSQL, Redis and the writer have"
        f" another.{alone} {', '.join(versions)}. {markdown.machine(*PACKAGES)}"
    )


def control(found: Found) -> str:
    single, heaped, bare = found.control[-1]
    return (
        f"The load client by itself reads {single:,.0f} messages per second where each needs a read"
        f" of its own, and {heaped:,.0f} where fifty wait. A bare loop that writes finished"
        f" frames to sockets delivers {bare.rate:,.0f} per second to it, with"
        f" {bare.microseconds:.2f} µs of processor time each."
    )


def fanout(found: Found, figure: Callable[[Speed], float], form: str) -> str:
    sizes = sorted({size for by_size in found.fanout.values() for size in by_size})
    rows = [
        [name, *(of_rounds(by_size.get(size, []), figure, form) for size in sizes)]
        for name, by_size in found.fanout.items()
    ]
    return markdown.table(["clients", *(f"{size:,}" for size in sizes)], rows)


def around(found: Found) -> str:
    rows = []
    for name, by_size in found.fanout.items():
        size = 1000 if 1000 in by_size else max(by_size)
        speeds = by_size[size]
        rows.append(
            [
                name,
                of_rounds(speeds, lambda speed: speed.bytes, "{:,.0f}"),
                of_rounds(speeds, lambda speed: speed.busy * 100, "{:.0f} %"),
                f"{size:,}",
            ]
        )
    return markdown.table(["", "bytes", "load client busy", "at clients"], rows)


def of_rounds(found: Sequence[Any], figure: Callable[[Any], float], form: str) -> str:
    return form.format(median(map(figure, found))) if found else "–"


def latency(found: Found) -> str:
    rows = [
        [name, *(f"{of(times) * 1000:,.1f} ms" for of in (median, p99, max)), f"{len(times)}"]
        for name, times in [*found.latency.items(), ("a read of the log", found.read)]
        if times
    ]
    return markdown.table(["", "median", "p99", "most", "changes"], rows)


def p99(times: Sequence[float]) -> float:
    """Return the time that 99 of 100 do not exceed."""
    return sorted(times)[math.ceil(len(times) * 0.99) - 1]


def others(found: Found, storm: int) -> Iterator[list[str]]:
    for name, sizes in found.memory.items():
        yield ["memory of an idle connection", name, f"{median(sizes) / 1024:,.1f} KiB"]
    for name, rates_of_one in batch_rates(found).items():
        yield ["changes per second to 100 clients", name, f"{median(rates_of_one):,.0f}"]
    for name, storms in found.storm.items():
        at_once = f"{storm:,} clients at once"
        yield [
            f"{at_once}: until all are in",
            name,
            of_rounds(storms, lambda one: one.seconds, "{:.2f} s"),
        ]
        cpu = of_rounds(storms, lambda one: one.cpu_seconds * 1000 / storm, "{:.2f} ms")
        yield [f"{at_once}: processor time of each", name, cpu]
        again = of_rounds(storms, lambda one: one.sent_away, "{:,.0f}")
        yield [f"{at_once}: sent away to come again", name, again]


def batch_rates(found: Found) -> dict[str, list[float]]:
    """Return the changes per second that each client was sent."""
    return {
        name: [speed.rate / BATCHES[name][0] for speed in speeds]
        for name, speeds in found.batch.items()
    }


def judged(found: Found, storm: int) -> Iterator[str]:
    """Yield a verdict on each goal for which both sides were measured."""
    for peer, size, goal in GOALS_OF_FANOUT:
        ours, theirs = (rates(found, name, size) for name in (HUB, peer))
        if by_cpu := ratio(costs(found, peer, size), costs(found, HUB, size)):
            text = f"fan-out to {size:,} clients: {{}} times that of {peer}"
            text += f", {by_cpu:.2f} times by processor time"
            yield from at_least(ratio(ours, theirs), goal, text)
    if found.latency.get(HUB) and found.latency.get(CHANNELS):
        hub, channels = p99(found.latency[HUB]), p99(found.latency[CHANNELS])
        text = f"p99 from commit to the last client: {{}} times that of {CHANNELS}"
        yield from at_most(hub / channels, LATENCY_GOAL, text)
    if found.latency.get(HUB):
        above = p99(found.latency[HUB]) - p99(found.read)
        text = f"it is {above * 1000:.1f} ms above that of a read of the log"
        yield markdown.verdict(above <= ABOVE_READ_GOAL, f"{text} (goal: at most 5)")
    memory = [found.memory.get(name, []) for name in (HUB, CHANNELS)]
    text = f"memory of an idle connection: {{}} times that of {CHANNELS}"
    yield from at_most(ratio(*memory), MEMORY_GOAL, text)
    batches = batch_rates(found)
    batch = [batches.get(name, []) for name in (BATCHED, ONE_BY_ONE)]
    most = ratio(batches.get(ALONE, []), batch[1]) or 0
    text = "changes per second to 100 clients: {} times as many with `batch`"
    text += f", of {most:.2f} times if sending took no time at all"
    yield from at_least(ratio(*batch), BATCH_GOAL, text)
    storms = [[one.seconds for one in found.storm.get(name, [])] for name in (HUB, CHANNELS)]
    text = (
        f"{storm:,} clients at once, until all are live: {{}} times what {CHANNELS} takes to"
        " accept them"
    )
    yield from at_most(ratio(*storms), STORM_GOAL, text)
    few, many, goal = GROWTH
    growth = ratio(rates(found, HUB, many), rates(found, HUB, few))
    yield from at_least(growth, goal, f"fan-out to {many:,} clients: {{}} times that to {few:,}")


def rates(found: Found, name: str, size: int) -> list[float]:
    return [speed.rate for speed in found.fanout.get(name, {}).get(size, [])]


def costs(found: Found, name: str, size: int) -> list[float]:
    return [speed.microseconds for speed in found.fanout.get(name, {}).get(size, [])]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return the median of the rounds' ratios, or None where a side is missing."""
    if not ours or len(ours) != len(theirs):
        return None
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def at_least(found: float | None, goal: float, text: str) -> Iterator[str]:
    if found is not None:
        yield markdown.verdict(found >= goal, f"{text.format(f'{found:.2f}')} (goal: {goal:g})")


def at_most(found: float | None, goal: float, text: str) -> Iterator[str]:
    if found is not None:
        shown = f"{text.format(f'{found:.2f}')} (goal: at most {goal:g})"
        yield markdown.verdict(found <= goal, shown)
