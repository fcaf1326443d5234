"""The context reaches every entry, on whatever thread or in whatever program the change is made."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

import sync
from sync.context import current
from sync.models import SyncLog
from tests.support.manage import manage
from tests.support.threads import with_own_connection
from tests.sync.observing import recorded
from tests.sync.writes.table import FIXTURE
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db(transaction=True)

CLUBS = FIXTURE.with_name("clubs.json")
TASKS = 12
SECONDS = 30


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def make_owner(name="a"):
    return Owner.objects.create(name=name)


def explained(entry):
    return entry.actor, entry.source, entry.reason, entry.request_id, entry.client_id


def test_tasks_on_the_threads_of_a_pool_do_not_see_each_others_context():
    """Every thread runs several tasks, some of which fail inside their context."""
    meeting = threading.Barrier(3, timeout=SECONDS)

    def task(number):
        left_over = current()
        with sync.context(actor=f"worker {number}", source="task", reason=f"task {number}"):
            make_owner(str(number))
            meeting.wait()
            with sync.context(reason="inner", request_id=f"r-{number}"):
                make_owner(f"{number} inner")
            make_owner(f"{number} again")
            if number % 2:
                raise ZeroDivisionError
        return left_over

    with recorded() as entries, ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(with_own_connection, lambda n=n: task(n)) for n in range(TASKS)]
        failures = [future.exception() for future in futures]
        after = pool.submit(with_own_connection, make_owner).result()
    assert [type(failure) for failure in failures] == [type(None), ZeroDivisionError] * (TASKS // 2)
    assert {future.result().who() for future in futures[::2]} == {("", "")}
    by_name = {entry.values["name"]: explained(entry) for entry in entries}
    for number in range(TASKS):
        actor = f"worker {number}"
        assert by_name[f"{number}"] == (actor, "task", f"task {number}", "", "")
        assert by_name[f"{number} inner"] == (actor, "task", "inner", f"r-{number}", "")
        assert by_name[f"{number} again"] == by_name[f"{number}"]
    assert by_name[after.name] == ("", "task", "", "", "")


def test_coroutines_keep_their_contexts_on_the_threads_they_are_run_by():
    async def work(number):
        with sync.context(actor=f"coroutine {number}", client_id=f"c-{number}"):
            await sync_to_async(make_owner)(str(number))
            await asyncio.sleep(0)
            await Owner.objects.acreate(name=f"{number} async")
            await sync_to_async(make_owner, thread_sensitive=True)(f"{number} again")

    async def together():
        await asyncio.gather(*map(work, range(5)))

    with recorded() as entries:
        async_to_sync(together)()
    assert len(entries) == 15
    for entry in entries:
        number = entry.values["name"].split()[0]
        assert (entry.actor, entry.client_id) == (f"coroutine {number}", f"c-{number}")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_consumer_of_the_host_explains_what_it_writes(ada, kind):
    class Writing(JsonWebsocketConsumer):
        def receive_json(self, content):
            with sync.context(actor=ada, source="websocket", client_id=content["client"]):
                make_owner(content["client"])
            self.send_json("done")

    class WritingAsync(AsyncJsonWebsocketConsumer):
        async def receive_json(self, content):
            with sync.context(actor=ada, source="websocket", client_id=content["client"]):
                await database_sync_to_async(make_owner)(content["client"])
            await self.send_json("done")

    async def talk():
        consumer = Writing if kind == "sync" else WritingAsync
        sockets = [WebsocketCommunicator(consumer.as_asgi(), "/ws/") for _ in range(2)]
        for socket in sockets:
            await socket.connect()
        for number, socket in enumerate(sockets):
            await socket.send_json_to({"client": f"c-{number}"})
        for socket in sockets:
            assert await socket.receive_json_from() == "done"
            await socket.disconnect()

    with recorded() as entries:
        async_to_sync(talk)()
    assert sorted(map(explained, entries)) == [
        ("ada", "websocket", "", "", f"c-{number}") for number in range(2)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "source"),
    [
        (["shell", "-v", "0", "-c"], "Owner.objects.create(name='a')", "shell"),
        (
            ["shell", "-v", "0", "-c"],
            "import sync\nwith sync.context(actor='night', reason='why', source='command'):"
            " Owner.objects.create(name='a')",
            "command",
        ),
    ],
)
def test_what_a_shell_writes_says_so(arguments, code, source):
    with recorded() as entries:
        manage(*arguments, f"from tests.testapp.models import Owner\n{code}")
    [entry] = entries
    assert entry.source == source
    assert (entry.actor, entry.reason) == (("night", "why") if "night" in code else ("", ""))


def test_what_loaddata_writes_says_so(tmp_path):
    fixture = tmp_path / "owners.json"
    fixture.write_text('[{"model": "testapp.owner", "pk": 7, "fields": {"name": "a"}}]')
    with recorded() as entries:
        manage("loaddata", "-v", "0", str(fixture))
        with sync.context(actor="somebody", reason="restored"):
            call_command("loaddata", str(fixture), verbosity=0)
            call_command("loaddata", str(CLUBS), verbosity=0)
    assert [explained(entry) for entry in entries] == [
        ("", "fixture", "", "", ""),
        *[("somebody", "fixture", "restored", "", "")] * 6,
    ]


def test_what_a_command_writes_says_so():
    with recorded() as entries:
        manage("make_owner", "a")
        with sync.context(actor="somebody", source="request", request_id="r-1"):
            call_command("make_owner", "b")
    assert [explained(entry) for entry in entries] == [
        ("", "command", "", "", ""),
        ("somebody", "request", "", "r-1", ""),
    ]


@pytest.mark.urls("tests.sync.urls")
def test_every_entry_of_an_action_in_the_admin_is_explained(admin_client, admin_user):
    from hubproject.models import Project, Task

    projects = [Project.objects.create(name=name) for name in "ab"]
    for project in projects:
        Task.objects.create(project=project, title="t")
    form = {
        "action": "delete_selected",
        "_selected_action": [project.pk for project in projects],
        "post": "yes",
    }
    headers = {"x-client-id": "browser-1", "x-request-id": "r-7"}
    with recorded() as entries:
        response = admin_client.post(
            reverse("admin:hubproject_project_changelist"), form, headers=headers
        )
    assert response.status_code == 302
    assert {entry.table for entry in entries} >= {Project._meta.db_table, Task._meta.db_table}
    assert {entry.action for entry in entries} == {"delete"}
    assert {explained(entry) for entry in entries} == {
        (admin_user.username, "admin", "", "r-7", "browser-1")
    }
    assert {entry.actor_id for entry in entries} == {str(admin_user.pk)}


def test_all_ways_of_writing_carry_the_context(ada):
    """One write of each kind that has an entry of its own making."""
    with recorded() as entries, sync.context(actor=ada, reason="all", request_id="r-1"):
        owner = make_owner()
        owner.save()
        Owner.objects.bulk_create([Owner(name="b"), Owner(name="c")], ignore_conflicts=True)
        Owner.objects.update(name="d")
        sync.record(Owner, [owner.pk])
        sync.record_deleted(Owner, [{"id": 4711}])
        Owner.objects.all().delete()
    assert len(entries) == 12
    assert {(entry.actor_id, entry.reason, entry.request_id) for entry in entries} == {
        (str(ada.pk), "all", "r-1")
    }


def test_an_entry_that_publishing_adds_has_the_context_of_the_change(ada):
    """The delete for an audience that a record leaves is made later, by somebody else."""
    from sync.publishing import publish
    from tests.testapp.models import Memo, Team

    red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
    memo = Memo.objects.create(team=red, text="a")
    publish()
    with sync.context(actor=ada, reason="moved", client_id="c-1"):
        Memo.objects.filter(pk=memo.pk).update(team=blue)
    with sync.context(actor="publisher", reason="none of its business"):
        publish()
    moved = SyncLog.objects.get(cause="moved")
    assert (moved.actor, moved.reason, moved.client_id) == ("ada", "moved", "c-1")
