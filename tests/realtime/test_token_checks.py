"""The system check of the function that knows the host's own tokens."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

HERE = "tests.realtime.test_token_checks"
nothing = "that can be called"


def authenticate(token, scope):
    return None


def problems():
    return [found for found in run_checks(tags=["realtime"]) if found.id == "realtime.E013"]


@pytest.mark.parametrize("path", ["", f"{HERE}.authenticate"])
def test_a_function_that_is_there_is_no_problem(settings, path):
    settings.REALTIME = {"AUTHENTICATE": path}
    assert problems() == []


@pytest.mark.parametrize("path", ["authenticate", "hubproject.nowhere", f"{HERE}.nothing"])
def test_a_function_that_is_not_there_is_named(settings, path):
    settings.REALTIME = {"AUTHENTICATE": path}
    [problem] = problems()
    assert path.rpartition(".")[2] in problem.msg
