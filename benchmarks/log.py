"""Does the log stay fast as it grows? Reading, publishing and pruning at ten million entries.

    make bench-log ARGS="--sizes 10000 1000000"

Starts a PostgreSQL on the loopback interface, fills its log to one size after the other, ends it,
and prints what everything takes at each size, and whether the goals are met.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tqdm import tqdm  # noqa: E402

from benchmarks import markdown  # noqa: E402
from benchmarks.servers import database, prepare  # noqa: E402

GROWTH_GOAL = 1.3
RATE_GOAL = 10_000
SMALLEST = 1_000
# The write-ahead log and what sorting takes, beside the tables and whatever their size.
SPARE_BYTES = 6 * 1024**3

Found = dict[int, dict[str, float]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes",
        type=lambda text: int(text.replace("_", "")),
        nargs="+",
        default=[10_000, 1_000_000, 10_000_000],
        help="entries of the log (10000 1000000 10000000, which needs 25 GB of free disk)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the tables of this document"
    )
    given = parser.parse_args()
    given.sizes = sorted(set(given.sizes))
    if given.sizes[0] < SMALLEST:
        parser.error(f"a log of {given.sizes[0]} entries is too small: give {SMALLEST} or more")
    return given


def refuse_if_too_large(entries: int) -> None:
    from benchmarks.log_control import BYTES_PER_ROW
    from benchmarks.log_filling import BYTES_PER_ENTRY

    place = tempfile.gettempdir()
    needed = entries * (BYTES_PER_ENTRY + BYTES_PER_ROW) + SPARE_BYTES
    free = shutil.disk_usage(place).free
    if free < needed:
        sys.exit(
            f"{entries:,} entries take {needed / 1e9:.0f} GB in {place}, where {free / 1e9:.0f} GB"
            " are free: give smaller --sizes, or another place in TMPDIR"
        )


def measured(sizes: list[int]) -> Found:
    """Fill a log to each size and measure, the smallest first: growth is counted from it."""
    with database("postgresql") as url:
        prepare(url, "hubproject.settings")
        from benchmarks import log_filling, log_measures

        refuse_if_too_large(sizes[-1])
        found = {}
        for size in tqdm(sizes, desc="sizes", unit=""):
            found[size] = log_measures.measure(log_filling.fill(size))
        return found


def report(found: Found) -> Iterator[str]:
    from benchmarks.log_measures import JUDGED, MEASURES, RATES

    sizes = list(found)
    first = found[sizes[0]]
    timed = list(MEASURES)
    header = [
        "",
        *(f"{size:,} entries" for size in sizes),
        *(f"growth to {s:,}" for s in sizes[1:]),
    ]
    rows = [
        [
            name,
            *(f"{found[size][name] * 1000:.1f} ms" for size in sizes),
            *(f"{found[size][name] / first[name]:.2f}" for size in sizes[1:]),
        ]
        for name in timed
    ]
    yield markdown.table(header, rows)
    yield markdown.table(
        header[: len(sizes) + 1],
        [[name, *(f"{found[size][name]:,.0f}" for size in sizes)] for name in RATES],
    )
    yield "\n".join(judged(found, list(JUDGED)))


def judged(found: Found, timed: list[str]) -> Iterator[str]:
    from benchmarks.log_measures import BACKLOG_CORE_RATE, CORE_RATE

    sizes = list(found)
    for name in timed:
        for size in sizes[1:]:
            growth = found[size][name] / found[sizes[0]][name]
            text = f"{name}: {growth:.2f} times what it takes at {sizes[0]:,}, at {size:,}"
            yield markdown.verdict(growth <= GROWTH_GOAL, f"{text} (goal: {GROWTH_GOAL})")
    for size in sizes:
        for name in (CORE_RATE, BACKLOG_CORE_RATE):
            rate = found[size][name]
            text = f"{name}: {rate:,.0f} at {size:,} entries (goal: {RATE_GOAL:,})"
            yield markdown.verdict(rate >= RATE_GOAL, text)


def main() -> None:
    given = arguments()
    found = measured(given.sizes)
    if given.json:
        given.json.write_text(json.dumps(found))
    setting = (
        "PostgreSQL with its default durability; medians. Publishing is measured with this process"
        " and the PostgreSQL process that serves it on one and the same core; `changes per second"
        " of one core` divides by the time that core was busy with the two, `changes/s` by the"
        f" time on the clock. {markdown.machine()}"
    )
    text = "\n\n".join([setting, *report(found)])
    print(text)
    if given.write:
        markdown.rewrite(given.write, "log", text)


if __name__ == "__main__":
    main()
