"""A program that knows nothing of Django changes a row, and every connected client hears of it."""

from __future__ import annotations

import pytest
from django.db import connection

from hubproject.models import Task
from sync.models import SyncLog
from sync.registry import registry
from sync.triggers import install, remove, triggered_tables
from tests.support.another_program import another_program
from tests.support.off_loop import off_loop
from tests.support.state import database_state
from tests.support.varied import varied

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL")


@pytest.fixture
def triggers(tasks):
    install(connection, [registry.get(Task)])
    yield
    remove(connection, triggered_tables(connection))


def write(sql: str, *values: object) -> None:
    with another_program() as program:
        program.execute(sql, values)


async def test_a_client_hears_what_another_program_and_the_admin_write(
    triggers, start_hub, connect, token, log_in, tasks
):
    hub = start_hub(**varied(SYNC={"CAPTURE": "trigger"}))
    client = await (await connect(hub, token=token)).join()
    change = "UPDATE tasks SET title = %s WHERE id = %s"
    await off_loop(write, change, "Order beams", tasks[0].pk)
    event = await client.expect_event("task.updated")
    assert event["data"]["data"]["title"] == "Order beams"
    assert event["data"]["changed"] == ["title"]
    admin = await off_loop(log_in, hub)
    await off_loop(admin.edit, f"hubproject/task/{tasks[1].pk}", title="Order nails")
    event = await client.expect_event("task.updated")
    assert event["data"]["data"]["title"] == "Order nails"
    await off_loop(write, "DELETE FROM tasks WHERE id = %s", tasks[0].pk)
    await client.expect_event("task.deleted")
    assert client.state == await off_loop(database_state)
    assert await off_loop(sources_of, tasks[0].pk, tasks[1].pk) == [
        ("database", "update"),
        ("admin", "update"),
        ("database", "delete"),
    ]


def sources_of(*keys: int) -> list[tuple[str, str]]:
    entries = SyncLog.objects.filter(table="tasks", record_id__in=keys)
    return list(entries.exclude(action="insert").order_by("id").values_list("source", "action"))
