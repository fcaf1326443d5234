"""The tools of the history on a real server, as somebody in the admin uses them."""

from __future__ import annotations

import csv
import io
import json

from hubproject.models import Task
from sync.publishing import publish
from tests.support.off_loop import off_loop
from tests.sync.aging import grow_older

LOG = "/admin/sync/synclog"
SECRET = "call hunter2@example.org"


def write_a_secret(task):
    Task.objects.filter(pk=task.pk).update(notes=SECRET)
    Task.objects.filter(pk=task.pk).update(notes="")


def write_thousands(task):
    """Make more changes than one chunk of an export holds."""
    Task.objects.bulk_create(Task(project=task.project, title=f"{n}") for n in range(1500))
    publish()


def redact(admin, task):
    address = f"{LOG}/redact/?table=tasks&record={task.pk}&field=notes"
    page = admin.submit(address, "hub-redact", reason="asked to be forgotten", do="look")
    assert "3 changes would be rewritten." in page
    return admin.submit(address, "hub-redact", reason="asked to be forgotten", do="redact")


async def test_an_export_of_thousands_of_changes_is_whole(hub, log_in, tasks):
    await off_loop(write_thousands, tasks[0])
    admin = await off_loop(log_in, hub)
    *changes, end = (await off_loop(admin.get, f"{LOG}/export/?format=ndjson")).splitlines()
    assert json.loads(end) == {"end": True, "outcome": "end", "count": len(changes)}
    assert len(changes) > 1500
    text = await off_loop(admin.get, f"{LOG}/export/?format=csv&table=tasks&action=insert")
    *rows, end = csv.reader(io.StringIO(text, newline=""))
    assert end[:2] == ["end", "1503"] and len(rows) == 1504


async def test_a_value_that_is_redacted_in_the_admin_is_forgotten_by_a_live_client(
    hub, log_in, connect, token, tasks
):
    await off_loop(write_a_secret, tasks[0])
    live = await (await connect(hub, token=token)).join()
    admin = await off_loop(log_in, hub)
    page = await off_loop(redact, admin, tasks[0])
    assert "Clients that hold them are told to forget them" in page
    told = (await live.expect_event("task.updated"))["data"]
    assert (told["cause"], told["data"]["notes"]) == ("redacted", None)
    assert SECRET not in await off_loop(admin.get, f"{LOG}/export/?format=ndjson")


def prune(admin):
    grow_older(days=2)
    return admin.submit(f"{LOG}/prune/", "hub-prune", older_than="1d", do="look")


async def test_a_look_at_what_is_old_is_for_a_person_without_scripts(hub, log_in, tasks):
    await off_loop(write_a_secret, tasks[0])
    admin = await off_loop(log_in, hub)
    assert "2 changes would be removed." in await off_loop(prune, admin)
