"""Who hears what: the audiences of users meet those of the records."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from hubproject.asgi import application
from hubproject.audiences import NOBODY, audiences_for
from hubproject.models import Membership, PlannerEntry, Project, Task
from realtime.devices import create_device
from sync.reading import changes_since
from sync.registry import EVERYONE, registry
from tests.support.state import database_state

pytestmark = pytest.mark.django_db

TODAY = "2026-01-31"


def audience_of(instance):
    return registry.get(type(instance)).audience_of(vars(instance), lambda: instance)


def test_a_member_hears_the_projects_it_is_a_member_of(ada, move, release):
    assert set(audiences_for(ada)) == {EVERYONE, f"user:{ada.pk}", f"project:{move.pk}"}


def test_who_is_a_member_of_nothing_still_hears_what_is_its_own(ada, release):
    assert set(audiences_for(ada)) == {EVERYONE, f"user:{ada.pk}"}


def test_staff_hear_every_record_there_is(ada, bob, grace, move, release):
    records = [
        *Project.objects.all(),
        *Membership.objects.all(),
        Task.objects.create(project=move, title="Order desks"),
        PlannerEntry.objects.create(date=TODAY, title="Call", owner=ada),
        PlannerEntry.objects.create(date=TODAY, title="Whose?"),
    ]
    assert {audience_of(record) for record in records} <= set(audiences_for(grace))


def test_an_entry_without_an_owner_is_heard_by_staff_alone(ada, grace):
    entry = PlannerEntry.objects.create(date=TODAY, title="Whose?")
    assert audience_of(entry) == NOBODY
    assert NOBODY in set(audiences_for(grace))
    assert NOBODY not in set(audiences_for(ada))


def test_what_the_audiences_bring_is_what_the_user_may_see(ada, bob, grace, move, release):
    for project in (move, release):
        project.tasks.create(title="Tell everybody")
    for owner in (ada, bob, None):
        PlannerEntry.objects.create(date=TODAY, title="Call", owner=owner)
    for user in (ada, bob, grace):
        heard = set(audiences_for(user))
        names = {(change.table, change.record_id) for change in changes_since(None, heard).changes}
        assert names == set(database_state(heard))
    assert len(names) == 9


@pytest.mark.django_db(transaction=True)
async def test_a_foreign_user_does_not_get_a_project_by_asking(ada, bob, move):
    _, token = await sync_to_async(create_device)(bob, "test")
    client = WebsocketCommunicator(application, "/ws/")
    await client.connect()
    await client.send_json_to({"type": "hello", "token": token})
    welcome = await client.receive_json_from(timeout=20)
    assert f"project:{move.pk}" not in welcome["audiences"]
    await client.send_json_to({"type": "sync_request"})
    page = await client.receive_json_from(timeout=20)
    assert (page["type"], page["changes"]) == ("sync_response", [])
    await client.send_json_to({"type": "sync_request", "audiences": [f"project:{move.pk}"]})
    refusal = await client.receive_json_from(timeout=20)
    assert (refusal["type"], refusal["code"]) == ("error", "forbidden")
    await client.disconnect()
