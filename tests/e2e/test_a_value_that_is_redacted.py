"""A value that is redacted: no client holds it any more, and the log does not either."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

import sync
from hubproject.models import Task
from tests.support.manage import manage
from tests.support.off_loop import off_loop
from tests.support.state import database_state

SECRET = "call hunter2@example.org"


@pytest.fixture
def task(tasks):
    """A task with a value in its notes that its clients hold."""
    Task.objects.filter(pk=tasks[1].pk).update(notes=SECRET)
    return tasks[1]


def clear_and_redact(task):
    with transaction.atomic():
        Task.objects.filter(pk=task.pk).update(notes="")
        sync.redact(task, ["notes"], reason="asked to be forgotten")


def log_holds(text):
    """Look into every column of every entry."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sync_log")
        return text in repr(cursor.fetchall())


def expected_state(task):
    state = database_state()
    state["tasks", str(task.pk)]["notes"] = None
    return state


async def test_a_live_client_and_one_that_was_away_no_longer_hold_it(hub, connect, token, task):
    live = await (await connect(hub, token=token)).join()
    away = await (await connect(hub, token=token)).join()
    await away.close()
    assert live.state["tasks", str(task.pk)]["notes"] == SECRET
    await off_loop(clear_and_redact, task)
    told = (await live.expect_event("task.updated"))["data"]
    assert (told["cause"], told["changed"], told["data"]["notes"]) == ("redacted", ["notes"], None)
    await away.reconnect()
    assert [change["cause"] for change in away.changes()[-1:]] == ["redacted"]
    for client in (live, away, await (await connect(hub, token=token)).join()):
        assert client.state == await off_loop(expected_state, task)
        assert SECRET not in repr(client.state)
        assert (client.repeated, client.out_of_order, client.resets) == (0, 0, 0)
    assert not await off_loop(log_holds, SECRET)


async def test_it_is_redacted_by_a_command_of_another_process(hub, connect, token, task):
    live = await (await connect(hub, token=token)).join()
    await off_loop(Task.objects.filter(pk=task.pk).update, notes="")
    await live.expect_event("task.updated")
    await off_loop(
        manage, "sync_redact", "hubproject.Task", str(task.pk), "notes", "--reason", "forgotten"
    )
    told = (await live.expect_event("task.updated"))["data"]
    assert told["cause"] == "redacted"
    assert live.state == await off_loop(expected_state, task)
    assert not await off_loop(log_holds, SECRET)


async def test_a_client_that_missed_that_the_record_is_gone_never_hears_it(
    hub, connect, token, task
):
    away = await (await connect(hub, token=token)).join()
    await away.close()
    pk = task.pk
    await off_loop(task.delete)
    await off_loop(sync.redact, (Task, pk), ["notes"], reason="asked to be forgotten")
    heard = len(away.received)
    await away.reconnect()
    assert [change["action"] for change in away.changes()[-1:]] == ["delete"]
    assert SECRET not in repr(away.received[heard:])
    assert away.state == await off_loop(database_state)
    assert not await off_loop(log_holds, SECRET)
