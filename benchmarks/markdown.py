"""Tables and verdicts as Markdown, printed and kept in a document between two markers."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns line up as plain text too; all but the first to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        f"| {' | '.join(aligned(line, widths))} |" for line in [lines[0], rule, *lines[1:]]
    )


def aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = line
    return [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]


def verdict(passes: bool, text: str) -> str:
    return f"- **{'PASS' if passes else 'FAIL'}** {text}"


def machine(*packages: str) -> str:
    """Return what the figures were made with; the load tells whether the machine was quiet."""
    names = ["Django", "psycopg", *packages]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = " / ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores,"
        f" load average {load} at the end."
    )


def rewrite(document: Path, name: str, text: str) -> None:
    """Replace what is between the markers of a name; raises `ValueError` if there are none."""
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    before = document.read_text()
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(before):
        raise ValueError(f"{document} has no place for the tables: add {begin} and {end}")
    document.write_text(pattern.sub(lambda match: f"{begin}\n{text.strip()}\n{end}", before))
