"""The names that a host may import stay what they are."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import realtime

PUBLIC = [
    "Authenticated",
    "ConnectionInfo",
    "broadcast",
    "client_count",
    "connections",
    "refresh",
    "send_to",
]


def test_the_public_names_are_just_these():
    assert realtime.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_importable_and_explained(name):
    found = getattr(realtime, name)
    assert inspect.getdoc(found)
    assert found.__module__.startswith("realtime.")


def test_no_other_name_is_made_up():
    with pytest.raises(AttributeError, match="no attribute 'brodcast'"):
        realtime.brodcast  # noqa: B018


def test_every_name_can_be_imported_at_once():
    names: dict[str, object] = {}
    exec("from realtime import *", names)  # noqa: S102
    assert set(PUBLIC) <= names.keys()


def test_the_signatures_that_hosts_call_are_these():
    assert str(inspect.signature(realtime.broadcast)) == (
        "(event: 'str', data: 'Any' = None, *, audience: 'str' = 'everyone') -> 'None'"
    )
    assert str(inspect.signature(realtime.send_to)) == (
        "(client_id: 'str', event: 'str', data: 'Any' = None) -> 'None'"
    )
    assert str(inspect.signature(realtime.connections)) == "() -> 'list[ConnectionInfo]'"
    assert str(inspect.signature(realtime.client_count)) == "() -> 'int'"


def test_the_package_can_be_imported_before_django_is_set_up():
    program = "import realtime, sys; assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
