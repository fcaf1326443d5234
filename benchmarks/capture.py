"""What does keeping a history cost? This hub and other libraries, on tables of the same columns.

    make bench-capture ARGS="--seconds 150"

Starts the databases on the loopback interface, ends them, and prints tables of ratios to the same
write on a table without any history, and whether the goals are met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import markdown  # noqa: E402
from benchmarks.capture_report import report  # noqa: E402
from benchmarks.servers import DURABILITY, database, sync_milliseconds  # noqa: E402

SHARES = {
    ("sqlite", ""): 1.0,
    ("postgresql", ""): 2.0,
    ("postgresql", "trigger"): 1.0,
    ("postgresql", "prepared"): 0.5,
}
"""How the time is divided among databases and ways to capture."""

LIBRARIES = ("django-simple-history", "django-auditlog", "django-pghistory")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=150, help="how long to measure in all (150)"
    )
    parser.add_argument(
        "--rounds", type=int, help="measure so many rounds on each database, however long it takes"
    )
    parser.add_argument(
        "--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"]
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the raw times here")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the tables of this document"
    )
    given = parser.parse_args()
    if given.seconds <= 0 or (given.rounds is not None and given.rounds < 1):
        parser.error("give a positive time, and at least one round")
    return given


def runs(databases: list[str]) -> dict[tuple[str, str], float]:
    """Return what to run, and each one's share of the time."""
    chosen = {
        (kind, capture): share for (kind, capture), share in SHARES.items() if kind in databases
    }
    return {key: share / sum(chosen.values()) for key, share in chosen.items()}


def measured(kind: str, capture: str, options: list[str]) -> dict[str, Any]:
    """Measure in a process of its own, for Django knows one set of tables per process."""
    with database(kind) as url:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.capture_rounds", *options],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url, "BENCH_CAPTURE": capture},
            stdout=subprocess.PIPE,
            check=True,
        )
    return dict(json.loads(done.stdout))


def main() -> None:
    given = arguments()
    found: dict[str, list[dict[str, Any]]] = {}
    for (kind, capture), share in runs(given.databases).items():
        options = ["--seconds", str(given.seconds * share), "--label", f"{kind} {capture}".strip()]
        options += ["--rounds", str(given.rounds)] if given.rounds else []
        found.setdefault(kind, []).append(measured(kind, capture, options))
    if given.json:
        given.json.write_text(json.dumps(found))
    rounds = ", ".join(f"{kind}: {[run['rounds'] for run in of]}" for kind, of in found.items())
    setting = (
        f"{DURABILITY} One write of 8 kB made durable takes {sync_milliseconds():.2f} ms here."
        f" Rounds: {rounds}. {markdown.machine(*LIBRARIES)}"
    )
    text = "\n\n".join([setting, *report(found)])
    print(text)
    if given.write:
        markdown.rewrite(given.write, "capture", text)


if __name__ == "__main__":
    main()
