"""Two transactions commit in the other order than they took their ids, and somebody reads between.

Only PostgreSQL has two writers at a time.
"""

from __future__ import annotations

import asyncio
import functools

import pytest
from django.db import connection

from hubproject.models import Task
from sync.models import SyncLog
from tests.support.coming_back import comes_back, is_whole
from tests.support.late import LateTransaction
from tests.support.ledger import named
from tests.support.off_loop import eventually, off_loop
from tests.support.varied import varied

pytestmark = pytest.mark.usefixtures("postgresql_only")


def rename(task, title):
    Task.objects.filter(pk=task.pk).update(title=title)


def ids_in_the_order_of_the_log():
    return list(SyncLog.objects.published().order_by("seq").values_list("pk", flat=True))


async def test_a_live_client_hears_the_late_one_after_the_early_one(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    known = len(client.changes())
    with LateTransaction(lambda: rename(tasks[0], "late")) as late:
        await off_loop(rename, tasks[1], "early")
        await client.expect_event("task.updated")
        between = client.cursor
        late.commit()
        await client.expect_event("task.updated")
    assert [change["data"]["title"] for change in client.changes()[known:]] == ["early", "late"]
    ids = await off_loop(ids_in_the_order_of_the_log)
    assert ids[-2] > ids[-1], "the late transaction did not take the lower id"
    assert client.cursor != between
    await is_whole(client)


async def test_a_client_that_reads_between_the_commits_and_leaves_gets_the_late_one(
    hub, connect, token, tasks
):
    client = await (await connect(hub, token=token)).join()
    await client.close()
    with LateTransaction(lambda: rename(tasks[0], "late")) as late:
        await off_loop(rename, tasks[1], "early")
        await client.reconnect()
        assert named(client.changes()[-1:]) == [("update", "tasks", str(tasks[1].pk))]
        await client.close()
        late.commit()
    assert named(await comes_back(client)) == [("update", "tasks", str(tasks[0].pk))]


async def test_a_client_that_asks_by_time_between_the_commits_gets_the_late_one(
    hub, connect, token, tasks
):
    client = await (await connect(hub, token=token)).join()
    with LateTransaction(lambda: rename(tasks[0], "late")) as late:
        await off_loop(rename, tasks[1], "early")
        await client.expect_event("task.updated")
        page = await client.ask({"type": "sync_request", "cursor": client.cursor})
        assert page["changes"] == []
        late.commit()
    answer = await client.ask({"type": "sync_request", "since": page["syncTimestamp"]})
    assert ("update", "tasks", str(tasks[0].pk)) in named(answer["changes"])


async def test_many_open_transactions_commit_in_the_reverse_order(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    titles = ["first to write", "second to write", "third to write"]
    late = [
        LateTransaction(lambda task=task, title=title: rename(task, title)).__enter__()
        for task, title in zip(tasks, titles, strict=True)
    ]
    heard = []
    for transaction in reversed(late):
        transaction.commit()
        heard.append((await client.expect_event("task.updated"))["data"]["data"]["title"])
    assert heard == titles[::-1]
    await is_whole(client)


async def test_a_transaction_that_waited_for_the_lock_of_another_comes_after_it(
    start_hub, connect, token, tasks
):
    """Its first write took the lower id, but the record they share it wrote last."""
    hub = start_hub(**varied(REALTIME={"TICK": 3600}))
    client = await (await connect(hub, token=token)).join()
    known = len(client.changes())
    with (
        LateTransaction(lambda: rename(tasks[1], "waiter")) as waiter,
        LateTransaction(lambda: rename(tasks[0], "holder")) as holder,
    ):
        last = functools.partial(rename, tasks[0], "waiter")
        waiting = asyncio.create_task(off_loop(waiter.commit, last))
        await eventually(somebody_waits_for_a_lock)
        await off_loop(holder.commit)
        await waiting
    await (await connect(hub, token=token)).join()  # has the relay look at the log
    for _ in range(3):
        await client.expect_event("task.updated")
    heard = [(c["recordId"], c["data"]["title"]) for c in client.changes()[known:]]
    shared, own = str(tasks[0].pk), str(tasks[1].pk)
    assert heard == [(shared, "holder"), (own, "waiter"), (shared, "waiter")]
    await is_whole(client)


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return cursor.fetchone()[0]


async def test_a_transaction_that_rolls_back_late_leaves_no_trace(hub, connect, token, tasks):
    client = await (await connect(hub, token=token)).join()
    with LateTransaction(lambda: rename(tasks[0], "never")) as late:
        await off_loop(rename, tasks[1], "early")
        await client.expect_event("task.updated")
        late.roll_back()
    await off_loop(rename, tasks[2], "after")
    event = await client.expect_event("task.updated")
    assert event["data"]["data"]["title"] == "after"
    await is_whole(client)
