"""A hub dies in the middle of its work: the next one does that work, once."""

from __future__ import annotations

import signal

import pytest

from hubproject.models import Project, Task
from sync.models import SyncLog
from tests.support import crashing
from tests.support.coming_back import comes_back, is_whole
from tests.support.environment import database_kind
from tests.support.follower import following
from tests.support.ledger import everything_heard
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied
from tests.support.writers import Writers

AT_ONCE = database_kind() == "postgresql"

# On PostgreSQL the commit travels with the last statement, which is the only one unless there is an
# entry to be dropped.
POINTS = {
    "after giving the numbers, before the commit": (crashing.NUMBERED, True, 0),
    "after moving the head": (crashing.HEAD_MOVED, True, 3 if AT_ONCE else 0),
    "after all of it": (crashing.NUMBERED if AT_ONCE else crashing.BEFORE_FAN_OUT, False, 3),
    "after the commit, before the fan-out": (crashing.BEFORE_FAN_OUT, True, 3),
}


KILLS = 2  # of each hub


def all_numbers():
    return list(SyncLog.objects.published().order_by("seq").values_list("seq", flat=True))


def write_three(project, has_one_to_drop):
    task = project.tasks.create(title="Order desks")
    Project.objects.filter(pk=project.pk).update(name="Move house")
    for _ in range(1 + has_one_to_drop):
        Task.objects.filter(pk=task.pk).update(status="doing")


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_in_the_middle_of_publishing_loses_and_repeats_nothing(
    start_hub, connect, token, project, tmp_path, point
):
    statement, has_one_to_drop, published = POINTS[point]
    trigger = tmp_path / "crash"
    hub = start_hub(
        **varied(
            crashing.crashes_after(statement, trigger),
            INSTALLED_APPS=["tests.support.crashing.CrashingConfig"],
            REALTIME={"TICK": 3600},
        )
    )
    client = await (await connect(hub, token=token)).join()
    await off_loop(write_three, project, has_one_to_drop)
    trigger.touch()
    await client.send({"type": "sync_request", "cursor": client.cursor})
    assert (await off_loop(hub.wait)).code == -signal.SIGKILL
    assert await off_loop(SyncLog.objects.published().count) == 1 + published
    await client.wait_closed()
    hub.start()
    received = await comes_back(client)
    assert [change["action"] for change in received] == ["update", "update"]
    assert await off_loop(all_numbers) == [1, 2, 3, 4]


async def test_hubs_that_are_killed_under_load_lose_and_repeat_nothing(
    start_hub, connect, redis_url, token
):
    hubs = [start_hub(redis_url=redis_url) for _ in range(2)]
    writers = await off_loop(Writers)
    clients = [await (await connect(hub, token=token)).join() for hub in (*hubs, *hubs)]
    async with following(*clients):
        async with writers.at_work():
            for hub, client in zip(hubs * KILLS, clients * KILLS, strict=False):
                known = len(client.received)
                await eventually(lambda known=known, client=client: len(client.received) > known)
                await off_loop(hub.kill)
                await off_loop(hub.start)
        await eventually(everything_heard)
    for client in clients:
        await is_whole(client)
    given = await off_loop(all_numbers)
    assert given == list(range(1, len(given) + 1))
