"""Are the pages of the history fast at ten million changes? This hub's and other libraries'.

    make bench-history ARGS="--entries 200000"

Starts a PostgreSQL on the loopback interface, fills three histories, ends it, and prints what the
database takes for each page, and whether the goal is met.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import markdown  # noqa: E402
from benchmarks.servers import database, prepare  # noqa: E402

GOAL = 50.0
SMALLEST = 20_000
SPARE_BYTES = 6 * 1024**3
LIBRARIES = ("django-auditlog", "django-simple-history")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--entries",
        type=lambda text: int(text.replace("_", "")),
        default=10_000_000,
        help="changes in each history (10000000, which needs 32 GB of free disk)",
    )
    parser.add_argument("--runs", type=int, default=9, help="how often each page is timed (9)")
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds that a statement may take (60)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the tables of this document"
    )
    given = parser.parse_args()
    if given.entries < SMALLEST or given.runs < 1 or given.patience <= 0:
        parser.error(f"give at least {SMALLEST} entries, one run, and some patience")
    return given


def refuse_if_too_large(entries: int) -> None:
    from benchmarks.history_filling import BYTES_PER_ENTRY

    place = tempfile.gettempdir()
    needed, free = entries * BYTES_PER_ENTRY + SPARE_BYTES, shutil.disk_usage(place).free
    if free < needed:
        sys.exit(
            f"{entries:,} entries take {needed / 1e9:.0f} GB in {place}, where {free / 1e9:.0f} GB"
            " are free: give fewer --entries, or another place in TMPDIR"
        )


def measured(given: argparse.Namespace) -> tuple[int, dict[str, dict[str, Any]]]:
    with database("postgresql") as url:
        prepare(url, "benchmarks.history_settings")
        refuse_if_too_large(given.entries)
        from benchmarks import history_filling, history_pages

        size = history_filling.fill(given.entries)
        return size, history_pages.measure(size, given.runs, given.patience)


def report(size: int, found: dict[str, dict[str, Any]], patience: float) -> Iterator[str]:
    from benchmarks.history_pages import AUDITLOG, HUB, SIMPLE

    whose = (HUB, AUDITLOG, SIMPLE)
    rows = [
        [
            name,
            *(milliseconds(of.get(one), patience) for one in whose),
            *(ratio(of[HUB], of.get(one), patience) for one in whose[1:]),
            str(of[HUB].queries),
        ]
        for name, of in found.items()
    ]
    ratios = [f"{one} / hub" for one in whose[1:]]
    header = [f"{size:,} changes", *whose, *ratios, "queries of the hub"]
    yield markdown.table(header, rows)
    yield "\n".join(
        markdown.verdict(
            timed.milliseconds is not None and timed.milliseconds < GOAL,
            f"{name}: {milliseconds(timed, patience)} (goal: under {GOAL:.0f} ms)",
        )
        for name, timed in ((name, of[HUB]) for name, of in found.items())
    )


def milliseconds(timed: Any, patience: float) -> str:
    if timed is None:
        return ""
    if timed.milliseconds is None:
        return f"> {patience * 1000:,.0f} ms"
    return f"{timed.milliseconds:,.1f} ms"


def ratio(hub: Any, other: Any, patience: float) -> str:
    if other is None or hub.milliseconds is None:
        return ""
    if other.milliseconds is None:
        return f"> {patience * 1000 / hub.milliseconds:,.0f}"
    return f"{other.milliseconds / hub.milliseconds:,.1f}"


def main() -> None:
    given = arguments()
    size, found = measured(given)
    if given.json:
        kept = {name: {who: asdict(t) for who, t in of.items()} for name, of in found.items()}
        given.json.write_text(json.dumps({"size": size, "pages": kept}))
    setting = (
        "Milliseconds that the page waits for PostgreSQL, all its queries together; medians after a"
        f" first visit. {markdown.machine(*LIBRARIES)}"
    )
    text = "\n\n".join([setting, *report(size, found, given.patience)])
    print(text)
    if given.write:
        markdown.rewrite(given.write, "history", text)


if __name__ == "__main__":
    main()
