"""Retention and restores, by the commands an operator runs beside a hub that serves clients."""

from __future__ import annotations

from hubproject.models import Task
from sync.publishing import publish
from tests.support.coming_back import comes_back, is_whole
from tests.support.manage import manage
from tests.support.off_loop import off_loop
from tests.support.state import database_state


async def is_equal(client):
    assert client.state == await off_loop(database_state, client.audiences)


async def prune(*arguments):
    """Prune all that has been superseded or deleted so far, also where no hub has published it."""
    await off_loop(publish)
    done = await off_loop(manage, "sync_prune", "--older-than", "0s", *arguments)
    return done.stdout.splitlines()


async def test_a_new_epoch_makes_connected_and_returning_clients_start_anew(
    hub, connect, token, tasks
):
    stays, leaves = [await (await connect(hub, token=token)).join() for _ in range(2)]
    await leaves.close()
    old = stays.cursor
    done = await off_loop(manage, "sync_new_epoch", "--yes")
    await stays.wait_for(lambda client: client.resets == 1 and client.state)
    await leaves.reconnect()
    for client in (stays, leaves):
        assert client.resets == 1
        assert client.cursor.partition("-")[0] in done.stdout.splitlines()[-1]
        assert client.cursor.partition("-")[0] != old.partition("-")[0]
        await is_equal(client)
    await off_loop(tasks[0].delete)
    for client in (stays, leaves):
        await client.expect_event("task.deleted")
        await is_equal(client)
        assert client.resets == 1


async def test_pruning_disturbs_no_connected_client(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    await off_loop(tasks[0].delete)
    await client.expect_event("task.deleted")
    for title in ("Order chairs", "Order lamps"):
        await off_loop(Task.objects.filter(pk=tasks[1].pk).update, title=title)
        await client.expect_event("task.updated")
    assert "hubproject.Task: 4 removed" in await prune()
    await off_loop(tasks[2].delete)
    await client.expect_event("task.deleted")
    await is_whole(client)


async def test_a_client_that_returns_above_the_horizon_gets_what_it_missed(
    hub, connect, token, tasks
):
    client = await (await connect(hub, token=token)).join()
    await off_loop(tasks[0].delete)
    await client.expect_event("task.deleted")
    await client.close()
    for title in ("Order chairs", "Order lamps"):
        await off_loop(Task.objects.filter(pk=tasks[1].pk).update, title=title)
    await prune()
    received = await comes_back(client)
    assert [change["data"]["title"] for change in received] == ["Order lamps"]


async def test_a_client_that_returns_below_the_horizon_starts_anew(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    await client.close()
    await off_loop(tasks[0].delete)
    await prune()
    await client.reconnect()
    assert client.resets == 1
    await is_equal(client)


async def test_a_snapshot_of_many_pages_comes_to_its_end_while_the_log_is_pruned(
    hub, connect, token, project, tasks
):
    await off_loop(
        Task.objects.bulk_create, [Task(project=project, title=str(n)) for n in range(40)]
    )
    await off_loop(Task.objects.filter(title__startswith="1").delete)
    await prune()
    client = await connect(hub, token=token)
    await client.hello()
    first = await client.ask({"type": "sync_request", "limit": 3})
    assert first["hasMore"]
    await off_loop(Task.objects.filter(title__startswith="2").delete)
    await client.sync(limit=3)
    assert client.resets == 0
    await is_equal(client)
    await off_loop(Task.objects.filter(title__startswith="3").delete)
    first = await (await (await connect(hub, token=token)).join()).ask(
        {"type": "sync_request", "limit": 3}
    )
    await off_loop(tasks[0].delete)
    await prune()
    again = await connect(hub, token=token, cursor=first["cursor"])
    await again.join()
    assert again.resets == 1
    await is_equal(again)
