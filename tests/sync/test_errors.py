"""An error that says something of its cause says it in another process too."""

from __future__ import annotations

import pickle

import pytest

from sync.errors import NoRetention, StillHeld, UncapturedWrite


@pytest.mark.parametrize(
    "error",
    [
        NoRetention([None, "testapp_owner"]),
        StillHeld("testapp_owner", "1", ["name"]),
        UncapturedWrite("testapp_owner", "UPDATE", "a.py:1", "Owner"),
    ],
)
def test_an_error_is_the_same_in_another_process(error):
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert (str(copied), vars(copied)) == (str(error), vars(error))
