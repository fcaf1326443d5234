"""The documents as the tests read them: sections, tables, code."""

from __future__ import annotations

import re

from tests.support.environment import ROOT

DOCS = (f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))
DOCUMENTS = sorted(["README.md", "CHANGELOG.md", *DOCS])


def read(name: str) -> str:
    """Return the text of a document, named by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    """Return the headings of a document as they are written, without their number signs."""
    return re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, with the smaller headings below it."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"there is no heading {heading!r}"
    level = len(found[1])
    end = re.search(rf"^#{{1,{level}}} ", text[found.end() :], re.MULTILINE)
    return text[found.end() :][: end.start() if end else None]


def table(text: str) -> list[list[str]]:
    """Return the rows of the first table of a text, without its head; code loses its backticks."""
    lines = iter(text.splitlines())
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append(_cells(line))
        elif rows:
            break
    return rows[2:]


def without_code(text: str) -> str:
    """Return a text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code_blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """Return the name under which a heading can be linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _cells(line: str) -> list[str]:
    return [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in line.strip("|").split("|")]
