"""The fuzzed hub, and how much is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fuzz.world import World

settings.register_profile("fuzz", max_examples=5000, deadline=None)


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """A hub in this process; the test fails if something of a client is left over."""
    with World() as found:
        yield found
