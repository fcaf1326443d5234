"""A writer dies, or stays silent, right after its commit: nobody is told, and the tick delivers."""

from __future__ import annotations

import pytest

from hubproject.models import Task
from tests.support.channel import Eavesdropper, listeners
from tests.support.coming_back import is_whole
from tests.support.manage import manage
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied

DIED = 9

WRITES_AND_DIES = """
import os
from django.db import transaction
from hubproject.models import Project
with transaction.atomic():
    transaction.on_commit(lambda: os._exit(9))
    Project.objects.get().tasks.create(title="orphan")
"""

DIES_BEFORE_THE_COMMIT = """
import os
from django.db import transaction
from hubproject.models import Project
with transaction.atomic():
    Project.objects.get().tasks.create(title="never")
    os._exit(9)
"""


@pytest.fixture
async def client(start_hub, connect, redis_server, token, project):
    """A live client of a hub whose relay hears the announcements."""
    hub = start_hub(redis_url=redis_server.url)
    client = await (await connect(hub, token=token)).join()
    await eventually(listeners, redis_server)
    return client


async def test_a_writer_that_lives_is_heard_on_the_channel_layer(client, redis_server, project):
    with Eavesdropper(redis_server) as ear:
        await off_loop(Task.objects.create, project=project, title="told")
        await client.expect_event("task.created")
        await eventually(ear.heard)


async def test_a_writer_that_dies_after_its_commit_has_its_change_delivered(client, redis_server):
    with Eavesdropper(redis_server) as ear:
        died = await off_loop(
            manage, "shell", "-c", WRITES_AND_DIES, redis_url=redis_server.url, check=False
        )
        assert died.returncode == DIED, died.stderr
        event = await client.expect_event("task.created")
        assert event["data"]["data"]["title"] == "orphan"
        assert not await off_loop(ear.heard)
    await is_whole(client)


async def test_a_writer_that_dies_before_its_commit_leaves_nothing(client, redis_server, project):
    died = await off_loop(
        manage, "shell", "-c", DIES_BEFORE_THE_COMMIT, redis_url=redis_server.url, check=False
    )
    assert died.returncode == DIED, died.stderr
    await off_loop(Task.objects.create, project=project, title="after")
    event = await client.expect_event("task.created")
    assert event["data"]["data"]["title"] == "after"
    await is_whole(client)


async def test_writers_that_do_not_announce_have_their_changes_delivered(
    start_hub, connect, redis_server, token, settings, project
):
    settings.REALTIME = {"ANNOUNCE": False}
    silent = varied(REALTIME={"ANNOUNCE": False})
    hubs = [start_hub(redis_url=redis_server.url, **silent) for _ in range(2)]
    clients = [await (await connect(hub, token=token)).join() for hub in hubs]
    with Eavesdropper(redis_server) as ear:
        for title in ("first", "second", "third"):
            await off_loop(Task.objects.create, project=project, title=title)
        for client in clients:
            heard = [(await client.expect_event("task.created"))["data"] for _ in range(3)]
            assert [change["data"]["title"] for change in heard] == ["first", "second", "third"]
            await is_whole(client)
        assert not await off_loop(ear.heard)
