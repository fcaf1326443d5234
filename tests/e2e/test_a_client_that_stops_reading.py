"""A slow client is nobody's problem but its own: not the others', not the server's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubproject.models import Task
from realtime import connections
from tests.support.coming_back import is_whole
from tests.support.ledger import everything_heard, numbers, seq_of
from tests.support.off_loop import eventually, off_loop
from tests.support.stubborn import stubborn_clients
from tests.support.varied import varied

NOTES = 32 * 1024
UPDATES = 600
STUBBORN = 10


def resident(pid):
    """Return the memory that a process occupies, in bytes."""
    [line] = [line for line in status(pid).splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def status(pid):
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        pytest.skip("this system does not show the memory of a process in /proc")
    return path.read_text()


def write_much(tasks, updates=UPDATES):
    for number in range(updates):
        task = tasks[number % len(tasks)]
        Task.objects.filter(pk=task.pk).update(notes=f"{number} ".ljust(NOTES, "x"))


@pytest.fixture
async def reader(hub, connect, token, tasks):
    """A live client that reads what it is sent."""
    return await (await connect(hub, token=token)).join()


async def goes_on(reader, tasks):
    """Write much, and wait until a client that reads has come to the end of it."""
    await off_loop(write_much, tasks)
    end = numbers(await eventually(everything_heard))[-1]
    await reader.wait_for(lambda reader: seq_of(reader.cursor) == end)


async def test_the_others_go_on_and_it_is_caught_up_when_it_reads_again(hub, token, reader, tasks):
    with stubborn_clients(1, hub.ws_url, token) as [client]:
        known = len(client.changes())
        await goes_on(reader, tasks)
        await off_loop(client.read_until, lambda client: client.cursor == reader.cursor)
        assert len(client.changes()) < known + UPDATES, "it was sent every single change after all"
        await off_loop(tasks[0].delete)
        await off_loop(client.read_until, lambda client: client.changes()[-1]["action"] == "delete")
        await is_whole(client)
    await is_whole(reader)


async def test_the_memory_of_the_server_does_not_grow_with_what_is_not_read(
    hub, token, reader, tasks
):
    await goes_on(reader, tasks)
    with stubborn_clients(STUBBORN, hub.ws_url, token) as clients:
        before = resident(hub.pid)
        await goes_on(reader, tasks)
        grown = resident(hub.pid) - before
        assert grown < STUBBORN * UPDATES * NOTES / 2
        for client in clients:
            await off_loop(client.read_until, lambda client: client.cursor == reader.cursor)
            await is_whole(client)


async def test_one_that_does_not_read_for_long_is_sent_away_and_may_come_back(
    start_hub, connect, token, tasks
):
    hub = start_hub(**varied(REALTIME={"DRAIN_TIMEOUT": 0.5}))
    with stubborn_clients(1, hub.ws_url, token) as [client]:
        await off_loop(write_much, tasks)
        await eventually(lambda: not connections())
    back = await connect(hub, token=token, cursor=client.cursor, state=client.state)
    await back.join()
    await is_whole(back)
