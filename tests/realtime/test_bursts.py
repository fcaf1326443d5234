"""A transaction of thousands of changes: what is held for anybody stays within its limit."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction

from hubproject.models import Project
from realtime import relay as relay_module
from realtime.held import Held
from realtime.relay import relay
from realtime.share import BATCH_BYTES
from sync.publishing import publish
from sync.reading import tail
from tests.realtime.doubles import FillingTransport, connection_of
from tests.support.off_loop import off_loop

CHANGES = 5000
FEW = 10
RELAY_BATCH = 300
MAX_UNSENT = 32 * 1024
MAX_HELD = 40
LARGEST = 1024
"""More bytes than the message of one of these changes has."""


@pytest.fixture
def small_limits(settings):
    settings.REALTIME = {
        "TICK": 3600,
        "RECHECK_INTERVAL": 3600,
        "RELAY_BATCH": RELAY_BATCH,
        "MAX_UNSENT_BYTES": MAX_UNSENT,
        "MAX_HELD_EVENTS": MAX_HELD,
    }
    settings.SYNC = settings.SYNC | {"PUBLISH_BATCH": 500}


@pytest.fixture
def batches(monkeypatch):
    """How many entries each look at the log brought."""
    found = []

    def noted(*args):
        read = tail(*args)
        found.append(len(read.entries))
        return read

    monkeypatch.setattr(relay_module, "tail", noted)
    return found


def burst(changes=CHANGES):
    with transaction.atomic():
        Project.objects.bulk_create([Project(name=f"Project {n}") for n in range(changes)])
    return publish()


class WatchedTransport(FillingTransport):
    """A client that does not read: `most` bytes were unsent at once."""

    most = 0

    def send(self, frame):
        is_all_out = super().send(frame)
        self.most = max(self.most, self.unsent)
        return is_all_out


@pytest.mark.django_db(transaction=True)
async def test_nobody_is_kept_more_for_than_the_limits_say_and_whoever_reads_gets_all(
    small_limits, batches, monkeypatch
):
    async with relay() as running:
        await running.refresh()
        reading, lazy, lazy_batching, held = (connection_of() for _ in range(4))
        lazy.transport, lazy_batching.transport = WatchedTransport(), WatchedTransport()
        lazy_batching.batch = True
        for connection in (reading, lazy, lazy_batching, held):
            connection.caught_up = True
            running.join(connection)
        held.hold()
        most_held = 0
        add = Held.add

        def watched(kept, events):
            nonlocal most_held
            add(kept, events)
            most_held = max(most_held, len(kept._events))

        monkeypatch.setattr(Held, "add", watched)
        for changes in (FEW, CHANGES):
            end = await off_loop(burst, changes)
            while running.position != end:
                await running.refresh()
        await reading.transport.until(lambda transport: len(transport.frames) >= FEW + CHANGES)
        assert len(reading.transport.frames) == FEW + CHANGES
        assert max(batches) <= RELAY_BATCH
        assert (lazy.behind, lazy_batching.behind, held.behind) == (True, True, False)
        together = min(BATCH_BYTES, MAX_UNSENT) + LARGEST  # by one write at most
        assert lazy.transport.most <= MAX_UNSENT + together
        assert lazy_batching.transport.most <= MAX_UNSENT + 2 * BATCH_BYTES
        assert FEW <= most_held <= MAX_HELD
        assert not held.release(end), "what came is too much to be let go: it comes as pages"
        await asyncio.sleep(0)
