"""Two server processes are replaced while many write: nobody loses a change or gets one twice."""

from __future__ import annotations

import asyncio
import signal

import pytest

from sync.models import SyncLog
from tests.support.coming_back import is_whole
from tests.support.guardian import is_alive
from tests.support.ledger import everything_heard, seq_of
from tests.support.obedient import obeying
from tests.support.off_loop import eventually, off_loop
from tests.support.service import Service
from tests.support.varied import varied
from tests.support.writers import Writers

CLIENTS = 16
RESTARTS = 2
SLOWLY = {"GOODBYE_TIME": 300.0, "RETRY_AFTER": (0.0, 0.5)}
AT_ONCE = {"RETRY_AFTER": (0.0, 0.5)}


@pytest.mark.parametrize("leaving", [SLOWLY, AT_ONCE], ids=["slowly", "at once"])
async def test_every_client_ends_whole(start_hub, connect, token, redis_url, leaving):
    service = start_hub(kind=Service, redis_url=redis_url, **varied(REALTIME=leaving))
    writers = await off_loop(Writers, 2)
    clients = [await connect(service, token=token) for _ in range(CLIENTS)]
    await asyncio.gather(*(client.join(batch=n % 2 == 0) for n, client in enumerate(clients)))
    async with obeying(*clients), writers.at_work():
        await writers.have_written(2)
        for number in range(RESTARTS):
            service.send_signal(signal.SIGHUP)
            await service.says("All workers are new.", times=number + 1)
            await writers.have_written(2)
    assert len(set(service.workers)) == 2 + 2 * RESTARTS
    assert not any(map(is_alive, service.workers[: 2 * RESTARTS]))
    end = (await eventually(everything_heard))[-1].seq
    for client in clients:
        await client.wait_for(lambda client: seq_of(client.cursor) >= end)
        await is_whole(client)
        goodbyes = [message for message in client.received if message["type"] == "goodbye"]
        assert goodbyes, "it was never sent away"
        assert all(message["reconnect"] for message in goodbyes)


async def test_what_a_client_was_sent_is_every_change_or_a_newer_one_of_the_record(
    start_hub, connect, token, redis_url
):
    service = start_hub(kind=Service, redis_url=redis_url, **varied(REALTIME=AT_ONCE))
    writers = await off_loop(Writers, 2)
    client = await (await connect(service, token=token)).join()
    began_at, known = seq_of(client.cursor), len(client.changes())
    async with obeying(client), writers.at_work():
        await writers.have_written(2)
        service.send_signal(signal.SIGHUP)
        await service.says("All workers are new.")
    log = await eventually(everything_heard)
    await client.wait_for(lambda client: seq_of(client.cursor) >= log[-1].seq)
    received = {seq_of(change["cursor"]) for change in client.changes()[known:]}
    newest = SyncLog.objects.newest().filter(seq__gt=began_at).values_list("seq", flat=True)
    assert await off_loop(set, newest) <= received
    await is_whole(client)
