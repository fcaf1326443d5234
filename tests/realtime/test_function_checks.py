"""The system checks of the functions that the host names."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

HERE = "tests.realtime.test_function_checks"
SETTINGS = [
    ("REALTIME", "AUTHENTICATE", "realtime.E013"),
    ("SYNC", "AUDIENCES", "realtime.E014"),
]
nothing = "that can be called"


def function(*args):
    return None


def problems():
    return [found for found in run_checks(tags=["realtime"]) if "names no" in found.msg]


@pytest.mark.parametrize("path", ["", f"{HERE}.function"])
@pytest.mark.parametrize(("app", "name", "number"), SETTINGS)
def test_a_function_that_is_there_is_no_problem(settings, app, name, number, path):
    setattr(settings, app, {name: path})
    assert problems() == []


@pytest.mark.parametrize("path", ["function", "hubproject.nowhere", f"{HERE}.nothing"])
@pytest.mark.parametrize(("app", "name", "number"), SETTINGS)
def test_a_function_that_is_not_there_is_named(settings, app, name, number, path):
    setattr(settings, app, {name: path})
    [problem] = problems()
    assert problem.id == number
    assert name in problem.msg
    assert path.rpartition(".")[2] in problem.msg
