"""Tests as documents name them, by path and function: what is promised there is held by something.

They are read and not imported, for some need what a machine may lack.
"""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.support.environment import ROOT

_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")


def unheld(text: str) -> list[str]:
    """Return what is wrong with the tests that a promise names; nothing where they hold it."""
    named = _TEST.findall(text)
    if not named:
        return ["no test is named"]
    problems = [f"{path} has no {name}" for path, name in named if name not in _functions(path)]
    if text.count("::") != len(named):
        problems.append("the name of a test cannot be read")
    return problems


@cache
def _functions(path: str) -> set[str]:
    file = ROOT / path
    if not file.exists():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {n.name for n in nodes if isinstance(n, functions) and n.name.startswith("test_")}
