"""What the documentation tells people to do, for tests that do just that."""

from __future__ import annotations

import re

from tests.support.environment import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, heading: str, language: str) -> list[str]:
    """Return the code in a section of a page of `docs/`, down to the next heading of any level."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1:]
    assert len(section) == 1, f"docs/{page} has {len(section)} sections {heading!r}"
    until_next = re.split(r"^##+ ", section[0], flags=re.MULTILINE)[0]
    return [code for kind, code in _BLOCK.findall(until_next) if kind == language]


def block(page: str, heading: str, language: str, containing: str = "") -> str:
    """Return the one code block of a section that contains a text."""
    found = [code for code in blocks(page, heading, language) if containing in code]
    assert len(found) == 1, f"docs/{page}, {heading}: {len(found)} blocks with {containing!r}"
    return found[0]
