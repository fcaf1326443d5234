"""Writes the tables of `docs/capture.md` from what the tests have observed.

    python -m tests.sync.capture_document DIRECTORY

takes the directory into which `HUB_CAPTURE_RESULTS` made each run put its observations. The
columns of a database that no run was about stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Final

import django

from tests.support.documents import read, table
from tests.support.environment import ROOT, database_kind
from tests.sync.ways import WAYS

NAME: Final = "docs/capture.md"
BEGIN: Final = "<!-- from here on made by `make capture-table` -->"
END: Final = "<!-- up to here made by `make capture-table` -->"
DATABASES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
UNKNOWN: Final = "not run"

PHRASES: Final = {
    **{
        name: f"`{name}`"
        for name in (
            *("bulk_create", "bulk_update", "get_or_create", "update_or_create", "loaddata"),
            *("update_fields", "force_insert", "force_update", "in_bulk"),
        )
    },
    "query_set": "`QuerySet`",
    "f_expression": "`F()` expression",
    "many_to_many": "many-to-many",
    "multi_table": "multi-table",
    "uuid": "UUID",
}
"""What a name of a row would lose if its underscores simply became spaces."""

Cells = dict[str, dict[str, str]]
"""What the table says: column, row, way."""


def column() -> str:
    """Return the head of the column that this run is about."""
    major, minor = django.VERSION[:2]
    return f"{DATABASES[database_kind()]}, Django {major}.{minor}"


def title(name: str) -> str:
    """Return the name of a row as a reader wants it."""
    phrase = re.compile("|".join(rf"(?<![a-z]){part}(?![a-z])" for part in PHRASES))
    text = phrase.sub(lambda found: PHRASES[found[0]].replace("_", "\0"), name)
    text = text.replace("_", " ").replace("\0", "_")
    return text[0].upper() + text[1:]


def groups() -> list[tuple[str, list[str]]]:
    """Return the rows, by the module they are in: its heading and the names of its rows."""
    from tests.sync.writes import WRITES

    found = []
    for module, writes in groupby(WRITES, key=lambda write: write.steps.__module__):
        heading = (sys.modules[module].__doc__ or module).partition("\n")[0].rstrip(".")
        found.append((heading, [str(write) for write in writes]))
    return found


def render(cells: Cells) -> str:
    """Return what stands between the two marks."""
    parts = [BEGIN, "## Each kind of statement", rows_of_statements()]
    heads = sorted(cells, key=order)
    parts.append("## Each kind of write")
    for heading, names in groups():
        rows = [[title(name), *(cells[h].get(name, UNKNOWN) for h in heads)] for name in names]
        parts += [f"### {heading}", rows_as_text(["", *heads], rows)]
    return "\n\n".join([*parts, END])


def rows_of_statements() -> str:
    """Return what each kind of statement is meant to do, on each database."""
    rows = [[kind, *(ways[name] for name in DATABASES)] for kind, ways in WAYS.items()]
    return rows_as_text(["", *DATABASES.values()], rows)


def rows_as_text(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def order(head: str) -> tuple[int, list[int]]:
    """Return what columns are sorted by: the database, then the number of Django."""
    name, _, number = head.partition(", Django ")
    return list(DATABASES.values()).index(name), [int(part) for part in number.split(".")]


def parse(text: str) -> Cells:
    """Return what the document says; a title that no row has any more is an error of its own."""
    names = {title(name).strip("`"): name for _, rows in groups() for name in rows}
    cells: Cells = {}
    _, _, made = text.partition("## Each kind of write\n")
    for part in made.split("\n### ")[1:]:
        head = part[part.index("|") :].splitlines()[0].strip("|").split("|")[1:]
        for name, *ways in table(part):
            for database, way in zip(head, ways, strict=True):
                cells.setdefault(database.strip(), {})[names.get(name.strip("`"), name)] = way
    return cells


def with_tables(text: str, cells: Cells) -> str:
    """Return the document with the tables made anew."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return before + render(cells) + after


def updated(cells: Cells, results: Cells) -> Cells:
    """Return the cells with every column of a database that was observed replaced."""
    observed = {order(head)[0] for head in results}
    return {head: ways for head, ways in cells.items() if order(head)[0] not in observed} | results


def main() -> None:
    """Put the observations of all runs into the document."""
    parser = argparse.ArgumentParser(description=f"Write the tables of {NAME}.")
    parser.add_argument("directory", type=Path, help="what HUB_CAPTURE_RESULTS was")
    found = parser.parse_args().directory.glob("*.json")
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}
    if not results:
        sys.exit("The directory holds no observations: make capture-table makes them.")
    text = read(NAME)
    made = with_tables(text, updated(parse(text), results))
    (ROOT / NAME).write_text(made, encoding="utf-8")
    print(f"{NAME}: {', '.join(sorted(results, key=order))}")


if __name__ == "__main__":
    django.setup()
    main()
