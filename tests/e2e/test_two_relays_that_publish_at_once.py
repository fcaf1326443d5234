"""Two server processes publish at the same time, as fast as they can: there is still one order."""

from __future__ import annotations

import itertools

from sync.models import SyncLog
from tests.support.coming_back import is_whole
from tests.support.ledger import everything_heard, numbers, numbers_received, seq_of
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied
from tests.support.writers import Writers

ROUNDS = 12


def log_in_order():
    return list(SyncLog.objects.published().order_by("seq"))


async def test_numbers_have_no_gap_and_both_deliver_everything(start_hub, connect, token):
    hasty = varied(REALTIME={"TICK": 0.001})
    hubs = [start_hub(**hasty) for _ in range(2)]
    writers = await off_loop(Writers, 6)
    clients = [await (await connect(hub, token=token)).join() for hub in hubs]
    async with writers.at_work():
        await writers.have_written(ROUNDS)
    heard = numbers(await eventually(everything_heard))
    for client in clients:
        await client.wait_for(lambda client: seq_of(client.cursor) >= heard[-1])
        assert numbers_received(client.changes()) == heard
        await is_whole(client)
    log = await off_loop(log_in_order)
    assert numbers(log) == list(range(1, len(log) + 1))
    runs = [name for name, _ in itertools.groupby(log, lambda entry: entry.transaction)]
    assert len(runs) == len(set(runs)), "a transaction's changes lie apart"
    times = [entry.published_at for entry in log]
    assert times == sorted(times)
