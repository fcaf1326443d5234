"""Redis is killed and comes back while many write: it carries hints alone, so nothing is lost."""

from __future__ import annotations

from tests.support.channel import listeners
from tests.support.coming_back import is_whole
from tests.support.ledger import everything_heard, numbers, numbers_received, seq_of
from tests.support.off_loop import eventually, off_loop
from tests.support.writers import Writers


async def test_sockets_stay_open_and_nothing_is_lost_or_repeated(
    start_hub, connect, redis_server, token
):
    hubs = [start_hub(redis_url=redis_server.url) for _ in range(2)]
    for hub in hubs:
        hub.expect_traceback("channels_redis")
    writers = await off_loop(Writers)
    clients = [await (await connect(hub, token=token)).join() for hub in (*hubs, *hubs)]
    await eventually(lambda: listeners(redis_server) == len(hubs))
    async with writers.at_work():
        for _ in range(2):
            await writers.have_written(3)
            redis_server.stop()
            await writers.have_written(3)
            redis_server.start()
        await eventually(lambda: listeners(redis_server) == len(hubs))
        await writers.have_written(3)
    heard = numbers(await eventually(everything_heard))
    for client in clients:
        await client.wait_for(lambda client: seq_of(client.cursor) == heard[-1])
        assert numbers_received(client.changes()) == heard
        assert client.is_open
        await is_whole(client)
