"""The line that is named is one that its owner can change."""

from __future__ import annotations

import django
import pytest

import sync
from sync import origin
from sync.origin import Origin

PROJECT = "/srv/shop/orders.py"
PACKAGE = f"{origin._INSTALLED[1]}tracer/cursor.py"
DJANGO = f"{django.__path__[0]}/db/utils.py"
SYNC = f"{sync.__path__[0]}/detector.py"


def called_through(*files):
    """Ask for the origin through calls in these files, the outermost first."""

    def ask():
        return origin.origin()

    for file in reversed(files):
        scope = {"ask": ask}
        exec(compile("def call():\n    return ask()", file, "exec"), scope)
        ask = scope["call"]
    return ask()


@pytest.fixture(autouse=True)
def only_these(monkeypatch):
    """Leave out of sight who called the test itself."""
    seen = origin._frames

    def frames(frame):
        for one in seen(frame):
            if one.f_code.co_filename == __file__:
                if one.f_code.co_name == "called_through":
                    return
                continue
            yield one

    monkeypatch.setattr(origin, "_frames", frames)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ([PROJECT, DJANGO, SYNC], PROJECT),
        ([PROJECT, PACKAGE, DJANGO, SYNC], PROJECT),
        ([PROJECT, DJANGO, PACKAGE, SYNC], PROJECT),
        (["/srv/shop/manage.py", DJANGO, PROJECT, DJANGO], PROJECT),
        ([PACKAGE, DJANGO, SYNC], PACKAGE),
        (["<string>", DJANGO], "<string>"),
    ],
)
def test_the_innermost_line_of_the_project_is_named_or_else_that_of_a_package(files, named):
    assert called_through(*files) == Origin(f"{named}:2 in call", False, False)


def test_where_nobody_is_to_be_seen_nobody_is_named():
    assert called_through(DJANGO) == Origin("an unknown place", False, False)
