"""The command measures what it was asked for, and goes on where a server fails."""

from __future__ import annotations

import resource
import sys

import pytest

from benchmarks import fanout
from benchmarks.fanout_report import report
from benchmarks.fanout_rounds import Found, chosen
from benchmarks.fanout_subjects import CHANNELS, NODE_WS, peers


@pytest.fixture(autouse=True)
def same_number_of_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def asked(monkeypatch):
    def ask(*arguments):
        monkeypatch.setattr(sys, "argv", ["fanout.py", *arguments])
        return fanout.arguments()

    return ask


def test_what_is_named_wins_over_what_is_quick(asked):
    given = asked("--quick", "--clients", "50", "20", "50")
    assert (given.clients, given.rounds) == ([20, 50], fanout.QUICK["rounds"])
    assert given.audience == 50


@pytest.mark.parametrize(
    "arguments",
    [
        ("--clients", "0"),
        ("--clients", str(fanout.MOST_CLIENTS + 1)),
        ("--storm", "1000000"),
        ("--seconds", "3600"),
        ("--rounds", "0"),
    ],
)
def test_what_has_no_bound_is_refused(asked, arguments):
    with pytest.raises(SystemExit):
        asked("--quick", *arguments)


def test_a_step_that_fails_is_reported_and_ends_nothing(capsys, monkeypatch):
    # Those compared with are not installed for the tests.
    monkeypatch.setattr("benchmarks.fanout_report.PACKAGES", ())
    found = Found()

    def step():
        raise RuntimeError("the server ended")

    fanout.attempt("memory", step, found)
    assert found.failures == ["memory: the server ended"]
    assert "the server ended" in capsys.readouterr().err
    assert "- memory: the server ended" in list(report(found, 5000, 1000))[-1]


def test_subjects_are_chosen_by_parts_of_their_names():
    names = [one.name for one in peers("") if chosen(one, ["in memory", "NODE"])]
    assert names == [CHANNELS, NODE_WS]
    assert len([one for one in peers("") if chosen(one, [])]) == len(peers(""))


def test_every_server_under_daphne_has_settings_of_its_own():
    for subject in peers(""):
        if "daphne" in subject.command:
            assert subject.environment["DJANGO_SETTINGS_MODULE"].startswith("benchmarks.peers.")
