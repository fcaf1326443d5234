"""Thousands of changes in one transaction: whoever reads gets each of them, whoever does not gets
what is left of them, and nobody is sent more at once than the limits say."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from hubproject.models import Task
from tests.support.coming_back import is_whole
from tests.support.ledger import everything_heard, heard_after, named, numbers, numbers_received
from tests.support.off_loop import eventually, off_loop
from tests.support.stubborn import stubborn_clients
from tests.support.varied import varied

MADE, UPDATED, DELETED = 1400, 400, 200
CHANGES = MADE + UPDATED + DELETED
NOTES = 1500
PAGE_LIMIT, PAGE_BYTES = 100, 64 * 1024
SYNC = {"PAGE_LIMIT": PAGE_LIMIT, "PAGE_BYTES": PAGE_BYTES, "PUBLISH_BATCH": 200}
REALTIME = {
    "TICK": 0.05,
    "RELAY_BATCH": 150,
    "MAX_UNSENT_BYTES": 64 * 1024,
    "MAX_HELD_EVENTS": 20,
    "DRAIN_TIMEOUT": 600,
}


def burst(project):
    """Make, update and delete tasks, all in one transaction."""
    with transaction.atomic():
        made = Task.objects.bulk_create(
            [
                Task(project=project, title=f"Task {number}", notes="x" * NOTES)
                for number in range(MADE)
            ]
        )
        pks = [task.pk for task in made]
        Task.objects.filter(pk__in=pks[:UPDATED]).update(title=Concat(F("title"), Value("!")))
        Task.objects.filter(pk__in=pks[-DELETED:]).delete()


@pytest.fixture
def burst_hub(start_hub):
    return start_hub(**varied(SYNC=SYNC, REALTIME=REALTIME))


def pages_of(client):
    return [message for message in client.received if message["type"] == "sync_response"]


async def at_the_end(client):
    end = numbers(await eventually(everything_heard))[-1]
    await client.wait_for(lambda client: client.cursor and numbers_end(client) >= end, 60)
    await is_whole(client)


def numbers_end(client):
    return int(client.cursor.split("-")[1])


async def test_whoever_reads_gets_each_change_of_a_transaction_once_and_in_order(
    burst_hub, connect, token, project
):
    single = await (await connect(burst_hub, token=token)).join()
    batching = await (await connect(burst_hub, token=token)).join(batch=True)
    start, known = single.cursor, [len(one.changes()) for one in (single, batching)]
    await off_loop(burst, project)
    for client in (single, batching):
        await at_the_end(client)
    heard = await off_loop(heard_after, start, single.audiences)
    assert len(heard) == CHANGES
    newest = numbers(heard)
    for client, before in zip((single, batching), known, strict=True):
        received = numbers_received(client.changes()[before:])
        assert received == sorted(set(received))
        # Whoever cannot read as fast as it comes is sent the newest of each record instead.
        assert set(received) <= set(newest)
        assert all(len(page["changes"]) <= PAGE_LIMIT for page in pages_of(client))


async def test_whoever_does_not_read_or_comes_in_the_midst_is_sent_what_is_left(
    burst_hub, connect, token, project
):
    away = await (await connect(burst_hub, token=token)).join()
    await away.close()
    with stubborn_clients(2, burst_hub.ws_url, token) as stubborn:
        known = [len(client.changes()) for client in stubborn]
        writing = asyncio.create_task(off_loop(burst, project))
        late = [
            await connect(burst_hub, token=token, cursor=away.cursor, state=away.state)
            for _ in range(3)
        ]
        for client in late:
            await client.hello()
        await writing
        end = numbers(await eventually(everything_heard))[-1]
        for client, before in zip(stubborn, known, strict=True):
            await off_loop(client.read_until, lambda client: numbers_end(client) >= end)
            await is_whole(client)
            assert len(client.changes()) - before < CHANGES, named(client.changes()[-5:])
            assert all(len(page["changes"]) <= PAGE_LIMIT for page in pages_of(client))
        for client in late:
            await at_the_end(client)
