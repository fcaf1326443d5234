"""Throw a million and more inputs at everything a client can reach, and count what they did.

    python -m tests.fuzz --inputs 1000000

Every target runs in a process of its own, on a database of its own. Exits with 1 if an input did
what no input may do; such inputs, and those that led to new paths, are kept in the directory.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from tests.fuzz.findings import Kind
from tests.support.environment import ROOT

SHARES: Final = {
    "decoding": 0.75,
    "parsing": 0.175,
    "shaking_hands": 0.02,
    "receiving": 0.05,
    "conversing": 0.005,
}
"""How the inputs are shared out: what is quick gets many, what reaches deep gets most time."""
COVERED: Final = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)/")
HEADS: Final = [
    *("target", "inputs", "frames", "edges", "features", *Kind),
    *("MiB before", "after", "objects +"),
]
MIB: Final = 1024 * 1024
MOST_GROWTH: Final = 32 * MIB
"""Growth after the warm-up that is still flat: what the fuzzer itself keeps is part of it."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets (1000000)")
    parser.add_argument("--seconds", type=int, default=0, help="most for each target (no limit)")
    parser.add_argument("--targets", nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--seed", type=int, default=1, help="of the choices of the fuzzer (1)")
    parser.add_argument(
        "--directory", type=Path, default=ROOT / "var" / "fuzz", help="for inputs (var/fuzz)"
    )
    given = parser.parse_args()
    if given.inputs < 100 or given.seconds < 0:
        parser.error("at least 100 inputs, and not less than no time")
    return given


def fuzz(target: str, inputs: int, given: argparse.Namespace) -> dict[str, Any]:
    """Run one target to its end; returns its last report, with what was covered."""
    options = {
        "--inputs": inputs,
        "--seconds": given.seconds,
        "--seed": given.seed,
        "--directory": given.directory,
    }
    command = [sys.executable, "-m", "tests.fuzz.guided", target]
    command += [str(part) for option in options.items() for part in option]
    log = given.directory / f"{target}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)
        report = follow(process, target, inputs)
    covered = COVERED.findall(log.read_bytes()) or [(b"0", b"0", b"0")]
    report["edges"], report["features"], report["kept"] = (int(number) for number in covered[-1])
    if process.wait() or not report["final"]:
        print(f"{target} ended with {process.returncode}, see {log}", file=sys.stderr)
        report["found"][Kind.CRASH] = report["found"].get(Kind.CRASH, 0) + 1
    return report


def follow(process: subprocess.Popen[bytes], target: str, inputs: int) -> dict[str, Any]:
    """Show how far a target has come; returns the last that it reported."""
    report: dict[str, Any] = {"inputs": 0, "frames": 0, "found": {}, "final": False}
    assert process.stdout is not None
    with tqdm(total=inputs, desc=f"{target:>13}", unit="input") as bar:
        for line in process.stdout:
            report = json.loads(line)
            bar.set_postfix(report["found"])
            bar.update(report["inputs"] - bar.n)
    return report


def print_table(reports: dict[str, dict[str, Any]]) -> None:
    """Print what each target did, and all of them."""
    rows = [HEADS, *([target, *row(report)] for target, report in reports.items())]
    inputs, frames = (sum(one[name] for one in reports.values()) for name in ("inputs", "frames"))
    found = [sum(one["found"].get(kind, 0) for one in reports.values()) for kind in Kind]
    rows.append(["all", f"{inputs:,}", f"{frames:,}", "", "", *map(str, found), "", "", ""])
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(HEADS))]
    for cells in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))


def row(report: dict[str, Any]) -> list[str]:
    before, after = report.get("before"), report.get("after")
    counts = [f"{report[name]:,}" for name in ("inputs", "frames", "edges", "features")]
    counts += [str(report["found"].get(kind, 0)) for kind in Kind]
    if before is None or after is None:
        return [*counts, "", "", ""]
    sizes = [f"{one['bytes'] / MIB:.1f}" for one in (before, after)]
    return [*counts, *sizes, f"{after['objects'] - before['objects']:,}"]


def is_sound(report: dict[str, Any]) -> bool:
    """Tell whether a target found nothing, and its memory stayed as it was."""
    before, after = report.get("before"), report.get("after")
    if report["found"] or before is None or after is None:
        return False
    return bool(after["bytes"] - before["bytes"] < MOST_GROWTH)


def main() -> int:
    given = arguments()
    given.directory.mkdir(parents=True, exist_ok=True)
    whole = sum(SHARES[target] for target in given.targets)
    reports = {
        target: fuzz(target, max(10, round(given.inputs * SHARES[target] / whole)), given)
        for target in given.targets
    }
    print_table(reports)
    if all(map(is_sound, reports.values())):
        return 0
    print(f"Not as it has to be: see {given.directory / 'failures'} and the logs.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
