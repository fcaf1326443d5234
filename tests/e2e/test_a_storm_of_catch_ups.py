"""Everybody comes back at once and wants everything: those who are live, and those who arrive, are
served meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from hubproject.models import Task
from tests.support import holding_pages
from tests.support.off_loop import eventually, off_loop
from tests.support.state import database_state
from tests.support.varied import varied

STORM = 30
PLACES = 2
EVERYTHING = "ffffffff-1-00000000"


async def test_live_clients_hear_and_others_arrive_while_pages_wait(
    start_hub, connect, token, make_token, project, tmp_path
):
    token_of_grace = await off_loop(make_token, "grace", f"project:{project.pk}")
    gate = holding_pages.Gate(tmp_path / "gate")
    hub = start_hub(
        **varied(
            gate.environment,
            INSTALLED_APPS=["tests.support.holding_pages.HoldingConfig"],
            REALTIME={"TICK": 0.05, "MAX_CATCHUPS": PLACES, "DATABASE_THREADS": PLACES + 1},
        )
    )
    live = await (await connect(hub, token=token)).join()
    gate.close()
    storm = [await connect(hub, token=token, cursor=EVERYTHING) for _ in range(STORM)]
    tables = {table for table, _ in live.state}
    for number, client in enumerate(storm):  # each for a page of its own
        await client.hello(tables=[*tables, Task._meta.db_table, f"nothing {number}"])
    await eventually(lambda: gate.held() == PLACES)
    newcomer = await connect(hub, token=token_of_grace)
    await newcomer.hello()
    await off_loop(Task.objects.create, project=project, title="live")
    for client in (live, newcomer):
        assert (await client.expect_event("task.created"))["data"]["data"]["title"] == "live"
    await live.ask({"type": "ping"})
    gone, kept = storm[: STORM // 2], storm[STORM // 2 :]
    async with AsyncExitStack() as stack:
        for client in gone:
            stack.push_async_callback(client.drop)
    assert gate.held() == PLACES
    gate.open()
    await asyncio.gather(*(client.wait_for(lambda found: found.caught_up) for client in kept))
    whole = await off_loop(database_state, live.audiences)
    assert whole
    assert all(client.state == whole for client in kept)
    assert gate.most_at_once() <= PLACES


async def test_those_who_ask_for_the_same_page_have_it_read_once(
    start_hub, connect, token, project, tmp_path
):
    gate = holding_pages.Gate(tmp_path / "gate")
    hub = start_hub(
        **varied(
            gate.environment,
            INSTALLED_APPS=["tests.support.holding_pages.HoldingConfig"],
            REALTIME={"TICK": 0.05},
        )
    )
    await off_loop(Task.objects.create, project=project, title="secret")
    first = await (await connect(hub, token=token)).join()
    gate.close()
    storm = [await connect(hub, token=token, cursor=EVERYTHING) for _ in range(STORM)]
    for client in storm:
        await client.hello()
    await eventually(lambda: gate.held() == 1)
    gate.open()
    await asyncio.gather(*(client.wait_for(lambda found: found.caught_up) for client in storm))
    assert all(client.state == first.state for client in storm)
    assert gate.most_at_once() == 1
