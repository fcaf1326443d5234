"""Fixtures for the parts of a hub, run on the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from realtime import announcer
from realtime.relay import Relay, relay
from tests.realtime import layers


@pytest.fixture
def quick_tick(settings) -> None:
    """A relay that looks at the log all the time: nothing has to be announced."""
    settings.REALTIME = {"TICK": 0.02}


@pytest.fixture
def no_tick(settings) -> None:
    """A relay that would find nothing by itself for as long as a test can take."""
    settings.REALTIME = {"TICK": 3600}


@pytest_asyncio.fixture
async def running(transactional_db: None) -> AsyncIterator[Relay]:
    """The relay of the test's event loop, which has looked at the log once."""
    async with relay() as found:
        await found.refresh()
        yield found


@pytest.fixture
def layer(settings) -> Iterator[Callable[[str], Any]]:
    """Announce through one of the layers of `tests.realtime.layers`; returns its class."""

    def use(name: str) -> Any:
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{layers.HERE}.{name}"}}
        return getattr(layers, name)

    layers.RecordingLayer.reset()
    layers.HangingLayer.may_go_on.clear()
    yield use
    layers.HangingLayer.may_go_on.set()
    assert announcer.finish(SECONDS), "something still waits to be told"
    layers.RecordingLayer.reset()
