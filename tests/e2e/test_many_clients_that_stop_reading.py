"""A quarter of the clients stops reading at once: each costs the limit, and the others nothing."""

from __future__ import annotations

import asyncio

import pytest

from hubproject.models import Task
from realtime import connections
from tests.e2e.test_a_client_that_stops_reading import resident
from tests.support.coming_back import is_whole
from tests.support.ledger import everything_heard, numbers, seq_of
from tests.support.off_loop import eventually, off_loop
from tests.support.stubborn import stubborn_clients
from tests.support.varied import varied

STALLED, READING, FEW = 50, 150, 15
NOTES = 32 * 1024
UPDATES = 40
LIMIT = 64 * 1024
LIMITS = {
    "MAX_UNSENT_BYTES": LIMIT,
    "MAX_CONNECTIONS_PER_USER": None,
    "MAX_CONNECTIONS_PER_ADDRESS": None,
}
SMALL_BUFFERS = ["tests.support.small_buffers.SmallBuffersConfig"]
SECONDS = 120


def write_much(task):
    for number in range(UPDATES):
        Task.objects.filter(pk=task.pk).update(notes=f"{number} ".ljust(NOTES, "x"))


@pytest.fixture
async def join(connect, token):
    """Join clients that read."""

    async def join(hub, count):
        clients = [await connect(hub, token=token) for _ in range(count)]
        await asyncio.gather(*(client.join() for client in clients))
        return clients

    return join


async def has_all(readers):
    """Wait until every reader has come to the end of the log."""
    end = numbers(await eventually(everything_heard))[-1]
    for reader in readers:
        await reader.wait_for(lambda reader: seq_of(reader.cursor) == end, SECONDS)


async def test_each_costs_no_more_than_the_limit_and_is_caught_up_when_it_reads_again(
    daphne_only, start_hub, join, token, tasks
):
    hub = start_hub(**varied(REALTIME=LIMITS, INSTALLED_APPS=SMALL_BUFFERS))
    readers = await join(hub, READING)
    await off_loop(write_much, tasks[0])
    await has_all(readers)
    with stubborn_clients(STALLED, hub.ws_url, token) as stalled:
        before = resident(hub.pid)
        await off_loop(write_much, tasks[0])
        await has_all(readers)
        grown = resident(hub.pid) - before
        # A frame is never cut, nor the one that exceeds the limit; and what readers had unsent for
        # a moment stays with the process. Without a limit it were thrice as much.
        assert grown < (STALLED * 2 + READING) * (LIMIT + NOTES)
        for client in stalled:
            await off_loop(client.read_until, lambda client: client.cursor == readers[0].cursor)
    for reader in readers[:3]:
        await is_whole(reader)
    assert {reader.repeated for reader in readers} == {0}
    assert len({str(reader.state) for reader in readers}) == 1


async def test_those_that_never_read_again_are_sent_away_and_the_others_stay(
    daphne_only, start_hub, join, token, tasks
):
    limits = LIMITS | {"DRAIN_TIMEOUT": 0.5}
    hub = start_hub(**varied(REALTIME=limits, INSTALLED_APPS=SMALL_BUFFERS))
    readers = await join(hub, FEW)
    with stubborn_clients(STALLED, hub.ws_url, token):
        await off_loop(write_much, tasks[0])
        await has_all(readers)
        await eventually(lambda: len(connections()) == FEW)
    assert all(reader.is_open for reader in readers)
