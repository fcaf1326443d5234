"""How fast does a client catch up? This hub against entries as instances and the json module.

    make bench-catchup ARGS="--changes 100000"

Starts the databases on the loopback interface, ends them, and prints what a change and a page take,
and whether the goal is met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import markdown  # noqa: E402
from benchmarks.servers import database  # noqa: E402

GOAL = 10
NAMES = {
    "instances": "instances and json",
    "hub": "this hub",
    "shared": "this hub, for those who ask for the same",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=10_000, help="how far behind (10000)")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is measured (15)")
    parser.add_argument(
        "--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"]
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the tables of this document"
    )
    given = parser.parse_args()
    if given.changes < 1000 or given.rounds < 1:
        parser.error("give 1000 changes or more, and at least one round")
    return given


def measured(kind: str, options: list[str]) -> dict[str, Any]:
    """Measure in a process of its own, for Django knows one database per process."""
    with database(kind) as url:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.catchup_rounds", *options],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            check=True,
        )
    return dict(json.loads(done.stdout))


def report(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    header = ["", "CPU a change", "database's CPU", "clock a change", "changes/s", "pages/s"]
    for kind, figures in found.items():
        rows = [
            [
                name,
                f"{figures[key]['cpu']:.2f} µs",
                f"{figures[key]['server']:.2f} µs" if kind == "postgresql" else "the same",
                f"{figures[key]['clock']:.2f} µs",
                f"{1e6 / figures[key]['clock']:,.0f}",
                f"{figures[key]['pages']:,.0f}",
            ]
            for key, name in NAMES.items()
        ]
        yield f"**{kind}**: {figures['bytes']:,} bytes a page, {figures['data']} of data a change"
        yield markdown.table(header, rows)
    yield markdown.table(["where this hub's time goes, a change", *found], list(stage_rows(found)))
    yield "\n".join(judged(found))


def stage_rows(found: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    """Yield what each step takes, and how often the first would fit into what the peer takes: no
    reader that asks the same of the database is faster by more than that."""
    steps = [figures["stages"] for figures in found.values()]
    for stage in steps[0]:
        yield [stage, *(f"{one[stage]:.2f} µs" for one in steps)]
    yield ["together", *(f"{sum(one.values()):.2f} µs" for one in steps)]
    yield [
        "instances and json take, in steps like the first",
        *(
            f"{figures['instances']['clock'] / next(iter(figures['stages'].values())):.1f}"
            for figures in found.values()
        ),
    ]


def judged(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    for kind, figures in found.items():
        for name, key in (("CPU", "cpu"), ("CPU and the database's", "all"), ("clock", "clock")):
            ratio = figures["ratios"][key]
            text = f"{kind}, {name}: {ratio:.1f} times as fast as instances and json"
            yield markdown.verdict(ratio >= GOAL, f"{text} (goal: {GOAL})")


def main() -> None:
    given = arguments()
    options = ["--changes", str(given.changes), "--rounds", str(given.rounds)]
    found = {kind: measured(kind, options) for kind in given.databases}
    if given.json:
        given.json.write_text(json.dumps(found))
    setting = (
        f"A client that is {given.changes:,} changes behind, in pages of the default size; medians"
        f" of {given.rounds} rounds in which each was measured once. {markdown.machine()}"
    )
    text = "\n\n".join([setting, *report(found)])
    print(text)
    if given.write:
        markdown.rewrite(given.write, "catchup", text)


if __name__ == "__main__":
    main()
