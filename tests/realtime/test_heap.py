"""What is loaded when the first client comes is no work for the garbage collector."""

from __future__ import annotations

import gc
import weakref

import pytest

from realtime import heap
from realtime.relay import relay


class Cycle:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector(monkeypatch):
    """Notes what was asked of the collector; it is the one of the tests that would be frozen."""
    asked: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: asked.append("freeze"))
    heap._freeze.cache_clear()
    yield asked
    heap._freeze.cache_clear()


@pytest.mark.django_db(transaction=True)
async def test_the_first_relay_freezes_the_heap_and_no_other_one_does(collector):
    async with relay():
        assert collector == ["freeze"]
    async with relay():
        assert collector == ["freeze"]


def test_what_is_garbage_is_collected_first(collector):
    gone = weakref.ref(Cycle())
    heap.freeze()
    assert gone() is None
    assert collector == ["freeze"]


def test_a_host_that_looks_after_its_own_heap_keeps_it(collector, settings):
    settings.REALTIME = {"FREEZE_HEAP": False}
    heap.freeze()
    assert not collector
