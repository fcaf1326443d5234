"""docs/scaling.md: what it works out follows from the figures it starts from."""

from __future__ import annotations

import math

import pytest

from tests.support.documents import read, section, table

CALCULATION = section(read("docs/scaling.md"), "A million connections")
FIGURES = {name: float(value) for name, value, _ in table(CALCULATION)}
RESULTS = table(CALCULATION[CALCULATION.index("| what | formula |") :])


@pytest.mark.parametrize(("what", "formula", "result"), RESULTS, ids=[row[0] for row in RESULTS])
def test_a_result_follows_from_the_figures(what, formula, result):
    value = eval(formula, {"__builtins__": {}}, FIGURES)
    assert math.isclose(float(result.replace(",", "")), value, rel_tol=0.05)
