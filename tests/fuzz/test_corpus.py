"""Every input that once was of interest, and all that a fuzzer begins with, does no harm."""

from __future__ import annotations

import pytest

from tests.fuzz.seeds import kept, seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_kept_does_no_harm(world, target):
    paths = kept(target)
    assert paths
    run = TARGETS[target](world)
    for path in paths:
        try:
            run(path.read_bytes())
        except Exception as error:
            error.add_note(f"The input is {path.name}.")
            raise
    run.close()


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_fuzzer_begins_with_does_no_harm(world, target):
    run = TARGETS[target](world)
    for data in seeds(target):
        run(data)
    run.close()
