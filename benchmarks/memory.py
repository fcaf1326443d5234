"""What does a write of a million rows take in memory, where each of them is recorded?

    make bench-memory ARGS="--rows 100000"

Each is done in a process of its own, on databases that are started for it and ended after it.
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

from tqdm import tqdm  # noqa: E402

from benchmarks import markdown  # noqa: E402
from benchmarks.servers import database  # noqa: E402

GOAL = 200
WRITES = ("update", "backfill")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a write (1000000)")
    parser.add_argument(
        "--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"]
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="replace the table of this document"
    )
    given = parser.parse_args()
    if given.rows < 1:
        parser.error("give at least one row")
    return given


def measured(kind: str, write: str, rows: int) -> dict[str, Any]:
    with database(kind) as url:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory_write", write, str(rows)],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            check=True,
        )
    return {"database": NAMES[kind], "write": write, **json.loads(done.stdout)}


def report(found: list[dict[str, Any]]) -> Iterator[str]:
    yield markdown.table(
        ["", "rows", "before", "highest", "growth", "time"],
        [
            [
                f"{one['write']}, {one['database']}",
                f"{one['recorded']:,}",
                f"{one['before']:.0f} MB",
                f"{one['highest']:.0f} MB",
                f"{one['highest'] - one['before']:.0f} MB",
                f"{one['seconds']:.0f} s",
            ]
            for one in found
        ],
    )
    yield "\n".join(
        markdown.verdict(
            one["highest"] < GOAL,
            f"{one['write']} of {one['recorded']:,} rows, {one['database']}: {one['highest']:.0f}"
            f" MB for the whole process (goal: less than {GOAL})",
        )
        for one in found
    )


def main() -> None:
    given = arguments()
    every = [(kind, write) for kind in given.databases for write in WRITES]
    found = [measured(*one, given.rows) for one in tqdm(every, desc="writes", unit="")]
    if given.json:
        given.json.write_text(json.dumps(found))
    text = "\n\n".join([markdown.machine(), *report(found)])
    print(text)
    if given.write:
        markdown.rewrite(given.write, "memory", text)


if __name__ == "__main__":
    main()
