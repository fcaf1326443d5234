"""Away and back: whatever changed meanwhile, by whatever way, comes once and in order."""

from __future__ import annotations

import pytest

from hubproject.models import PlannerEntry, Project, Task
from tests.support.coming_back import comes_back, is_whole
from tests.support.late import LateTransaction
from tests.support.ledger import named
from tests.support.manage import manage
from tests.support.off_loop import off_loop

IN_A_SHELL = """
from hubproject.models import PlannerEntry, Task
Task.objects.filter(title="Order desks").update(status="done")
PlannerEntry.objects.create(date="2026-01-31", title="Move in")
"""


@pytest.fixture
def by_name(tasks):
    return {task.title: task for task in tasks}


@pytest.fixture
async def away(hub, connect, token, tasks):
    """A client that was live and has gone with its cursor."""
    client = await (await connect(hub, token=token)).join()
    await client.close()
    return client


def record(action, instance):
    return action, instance._meta.db_table, str(instance.pk)


def change_in_bulk(project):
    Task.objects.filter(project=project).update(status="done")
    Task.objects.bulk_create([Task(project=project, title=f"Box {n}") for n in range(30)])
    boxes = list(Task.objects.filter(title__startswith="Box"))
    for box in boxes:
        box.notes = f"label {box.title}"
    Task.objects.bulk_update(boxes, ["notes"])


async def test_an_edit_in_the_admin(hub, away, log_in, tasks):
    admin = await off_loop(log_in, hub)
    await off_loop(admin.edit, f"hubproject/task/{tasks[0].pk}", title="Sign both copies")
    assert named(await comes_back(away)) == [record("update", tasks[0])]


async def test_many_edits_of_one_record_come_as_its_newest_state_alone(hub, away, log_in, tasks):
    admin = await off_loop(log_in, hub)
    for status in ("doing", "done", "todo"):
        await off_loop(admin.edit, f"hubproject/task/{tasks[0].pk}", status=status)
    [change] = await comes_back(away)
    assert (change["recordId"], change["data"]["status"]) == (str(tasks[0].pk), "todo")


async def test_changes_made_in_a_shell_of_another_process(away, tasks):
    await off_loop(manage, "shell", "-v", "0", "-c", IN_A_SHELL)
    entry = await off_loop(PlannerEntry.objects.get)
    assert named(await comes_back(away)) == [record("update", tasks[1]), record("insert", entry)]


async def test_changes_made_in_bulk(away, project, tasks):
    await off_loop(change_in_bulk, project)
    received = named(await comes_back(away))
    assert len(received) == len(tasks) + 30
    assert [action for action, _, _ in received] == ["update"] * len(received)


async def test_a_delete_that_cascades(hub, connect, make_token, project, tasks):
    # Staff and members lose the audience with the project; this one keeps it.
    token = await off_loop(make_token, "bob", f"project:{project.pk}")
    away = await (await connect(hub, token=token)).join()
    await away.close()
    await off_loop(project.delete)
    received = named(await comes_back(away))
    assert received[-1] == record("delete", Project(pk=project_id(received)))
    assert [table for _, table, _ in received] == ["tasks"] * len(tasks) + ["projects"]
    assert away.state == {}


def project_id(received):
    return next(pk for _, table, pk in received if table == "projects")


async def test_what_was_rolled_back_is_not_missed(away, tasks):
    with LateTransaction(tasks[0].delete):
        pass
    assert await comes_back(away) == []


async def test_changes_made_while_no_hub_ran(hub, away, tasks):
    hub.kill()
    await off_loop(tasks[2].delete)
    hub.start()
    assert named(await comes_back(away)) == [("delete", "tasks", away_id(away))]


def away_id(client):
    return client.changes()[-1]["recordId"]


async def test_changes_made_while_redis_was_gone(start_hub, connect, redis_server, token, tasks):
    hub = start_hub(redis_url=redis_server.url)
    stays, leaves = [await (await connect(hub, token=token)).join() for _ in range(2)]
    await leaves.drop()
    hub.expect_traceback("channels_redis")
    redis_server.stop()
    await off_loop(Task.objects.filter(pk=tasks[0].pk).update, title="Signed")
    await stays.expect_event("task.updated")
    assert named(await comes_back(leaves)) == [record("update", tasks[0])]
    redis_server.start()
    await off_loop(tasks[1].delete)
    for client in (stays, leaves):
        await client.expect_event("task.deleted")
        await is_whole(client)


async def test_everything_at_once(start_hub, connect, redis_server, token, log_in, project, tasks):
    hub = start_hub(redis_url=redis_server.url)
    client = await (await connect(hub, token=token)).join()
    await client.drop()
    admin = await off_loop(log_in, hub)
    await off_loop(admin.edit, f"hubproject/task/{tasks[0].pk}", status="done")
    await off_loop(manage, "shell", "-v", "0", "-c", IN_A_SHELL, redis_url=redis_server.url)
    hub.expect_traceback("channels_redis")
    redis_server.stop()
    await off_loop(change_in_bulk, project)
    await off_loop(tasks[2].delete)
    received = named(await comes_back(client))
    assert len(received) == len(set(received)) == len(tasks) + 30 + 1
