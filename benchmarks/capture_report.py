"""The figures of the capture benchmark as tables of ratios to a table without any history."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from statistics import median
from typing import Any, Final

from benchmarks.markdown import table, verdict

BARE: Final = "bare"
JUDGED: Final = ("this hub", "this hub, prepared", "this hub, triggers")
HUBS: Final = (*JUDGED, "this hub, in Python")
NOISE: Final = 1.05
"""Two figures that differ by less are equal."""

SAVE_GOAL: Final = 2.0
NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
NOTHING: Final = "†"
PARTLY: Final = "‡"


@dataclasses.dataclass(frozen=True)
class Figures:
    """What was measured on one database, from one or more processes."""

    database: str
    subjects: list[str]
    modes: list[str]
    operations: list[str]
    bare: dict[tuple[str, str, str], float]
    wall: dict[tuple[str, str, str], float]
    cpu: dict[tuple[str, str, str], float]
    counts: dict[str, dict[str, dict[str, Any]]]

    def is_whole(self, operation: str, subject: str) -> bool:
        """Tell whether a subject records every row, and who wrote it."""
        count = self.counts[operation][subject]
        return bool(count["entries"] == count["rows"])

    def mark(self, operation: str, subject: str) -> str:
        if subject == BARE or self.is_whole(operation, subject):
            return ""
        return PARTLY if self.counts[operation][subject]["entries"] else NOTHING


def figures(database: str, runs: list[dict[str, Any]]) -> Figures:
    """Bring the runs on one database together; each has a bare table of its own. Of what is in
    several, the first one counts."""
    found = Figures(database, [], [], [], {}, {}, {}, {})
    for run in runs:
        times = {(t["mode"], t["operation"], t["subject"]): t for t in run["times"]}
        for (mode, operation, subject), timed in times.items():
            bare = times[mode, operation, BARE]
            for names, name in (
                (found.subjects, subject),
                (found.modes, mode),
                (found.operations, operation),
            ):
                if name not in names:
                    names.append(name)
            for measure, ratios_of in (("wall", found.wall), ("cpu", found.cpu)):
                found.bare.setdefault((measure, mode, operation), median(bare[measure]))
                own = ratio(timed[measure], bare[measure])
                ratios_of.setdefault((mode, operation, subject), own)
        for operation, counts in run["counts"].items():
            found.counts[operation] = counts | found.counts.get(operation, {})
    found.subjects.sort(key=lambda name: (name != BARE, name not in HUBS))
    return found


def ratio(times: list[float], bare: list[float]) -> float:
    """Return the median of each round's ratio: what disturbs a whole round disturbs both."""
    return median(one / other for one, other in zip(times, bare, strict=True))


def report(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield the parts of the report on the runs of each database. Verdicts are on one run each:
    what was measured at different times is not compared there."""
    for one in (figures(database, runs) for database, runs in found.items()):
        name = NAMES[one.database]
        yield f"### {name}: time, as a multiple of the bare write"
        yield ratios(one, "wall", one.wall)
        yield f"### {name}: CPU time of the Python process, as a multiple of the bare write"
        yield ratios(one, "cpu", one.cpu)
        yield f"### {name}: statements, and changes recorded with who made them"
        yield counted(one)
    yield (
        f"{NOTHING} records nothing of this write; {PARTLY} records some of its rows only. `+ t`:"
        " in a transaction of its own, BEGIN and COMMIT not counted."
    )
    yield "### The hub against the cheapest that records as much"
    each = [figures(database, [run]) for database, runs in found.items() for run in runs]
    yield "\n".join(judged(each))


def ratios(one: Figures, measure: str, measured: dict[tuple[str, str, str], float]) -> str:
    others = [subject for subject in one.subjects if subject != BARE]
    rows = [
        [
            f"{operation}, {mode}",
            milliseconds(one.bare[measure, mode, operation]),
            *(
                f"{measured[mode, operation, subject]:.2f}{one.mark(operation, subject)}"
                for subject in others
            ),
        ]
        for mode in one.modes
        for operation in one.operations
    ]
    return table(["", "bare takes", *others], rows)


def counted(one: Figures) -> str:
    rows = [
        [operation, *(count_of(one.counts[operation][subject]) for subject in one.subjects)]
        for operation in one.operations
    ]
    return table(["", *one.subjects], rows)


def count_of(count: dict[str, Any]) -> str:
    own = " + t" if count["transactions"] else ""
    return f"{count['statements']:.0f}{own}; {count['entries']:,.0f} of {count['rows']:,}"


def judged(found: list[Figures]) -> Iterator[str]:
    """Yield whether the goals are met, for each database, write and mode."""
    for one in found:
        for hub in (subject for subject in JUDGED if subject in one.subjects):
            for mode in one.modes:
                for operation in one.operations:
                    yield from against_the_cheapest(one, hub, mode, operation)
        if one.database == "postgresql":
            for hub in (subject for subject in JUDGED if subject in one.subjects):
                own = one.wall["autocommit", "save()", hub]
                text = f"PostgreSQL, {hub}: save() in autocommit takes {own:.2f} times a bare one"
                yield verdict(own <= SAVE_GOAL, f"{text} (goal: {SAVE_GOAL})")


def against_the_cheapest(one: Figures, hub: str, mode: str, operation: str) -> Iterator[str]:
    rivals = {
        one.wall[mode, operation, subject]: subject
        for subject in one.subjects
        if subject not in (BARE, *HUBS) and one.is_whole(operation, subject)
    }
    if not rivals:
        return
    own, cheapest = one.wall[mode, operation, hub], min(rivals)
    passes = own <= cheapest * NOISE and one.is_whole(operation, hub)
    text = f"{NAMES[one.database]}, {hub}, {operation}, {mode}: {own:.2f}"
    yield verdict(passes, f"{text} against {cheapest:.2f} ({rivals[cheapest]})")


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
