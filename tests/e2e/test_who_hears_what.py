"""Users of different projects at one hub: each hears its own, staff hear all, in pages and live."""

from __future__ import annotations

import uuid

import pytest

from hubproject.models import PlannerEntry, Project, Task
from tests.support.coming_back import comes_back, is_whole
from tests.support.ledger import named
from tests.support.off_loop import off_loop
from tests.support.state import database_state

TODAY = "2026-01-31"


@pytest.fixture
def people(make_token, django_user_model):
    """The tokens of ada and bob, who have a project each, of eve, who has none, and of staff."""
    django_user_model.objects.create_user("grace", is_staff=True)
    tokens = {name: make_token(name) for name in ("ada", "bob", "eve", "grace")}
    for name, title in (("ada", "Move"), ("bob", "Release")):
        project = Project.objects.create(name=title)
        project.memberships.create(user=django_user_model.objects.get(username=name))
        project.tasks.create(title=f"{title}: tell everybody")
        PlannerEntry.objects.create(
            date=TODAY, title=title, owner=django_user_model.objects.get(username=name)
        )
    PlannerEntry.objects.create(date=TODAY, title="Whose?")
    return tokens


@pytest.fixture
async def clients(hub, connect, people):
    """A live client of each."""
    return {name: await (await connect(hub, token=token)).join() for name, token in people.items()}


def tasks():
    return Task.objects.get(project__name="Move"), Task.objects.get(project__name="Release")


async def hear_nothing_foreign(clients):
    """Assert that each client was sent changes of its audiences alone, and holds all of these."""
    for client in clients.values():
        assert {change["audience"] for change in client.changes()} <= client.audiences
        await is_whole(client)


async def hear_the_end(clients):
    """Have everybody hear a last event: what was to come before it has come."""
    end = f"The end, {uuid.uuid4()}"
    await off_loop(_last_words, list(clients), end)
    for name, client in clients.items():
        ends = len(clients) if name == "grace" else 1
        await client.wait_for(lambda client, ends=ends: _titles(client).count(end) == ends)


def _titles(client):
    return [values.get("title") for values in client.state.values()]


def _last_words(names, title):
    from django.contrib.auth import get_user_model

    for user in get_user_model().objects.filter(username__in=names):
        PlannerEntry.objects.create(date=TODAY, title=title, owner=user)


def held(client, table):
    return sorted(key for name, key in client.state if name == table)


async def test_everybody_starts_with_what_is_its_own(clients):
    await hear_nothing_foreign(clients)
    assert len(held(clients["ada"], "tasks")) == len(held(clients["bob"], "tasks")) == 1
    assert held(clients["ada"], "tasks") != held(clients["bob"], "tasks")
    assert clients["eve"].state == {}
    assert clients["grace"].state == await off_loop(database_state)


async def test_everybody_hears_of_what_is_its_own_alone(clients):
    moving, releasing = await off_loop(tasks)
    for task in (moving, releasing):
        await off_loop(Task.objects.filter(pk=task.pk).update, status="done")
    for name, task in (("ada", moving), ("bob", releasing)):
        event = await clients[name].expect_event("task.statusChanged")
        assert event["data"]["recordId"] == str(task.pk)
    for task in (moving, releasing):
        event = await clients["grace"].expect_event("task.statusChanged")
        assert event["data"]["recordId"] == str(task.pk)
    await hear_the_end(clients)
    await hear_nothing_foreign(clients)
    assert len(clients["eve"].changes()) == 1


async def test_members_hear_who_is_a_member(clients, django_user_model):
    eve = await off_loop(django_user_model.objects.get, username="eve")
    project = await off_loop(Project.objects.get, name="Move")
    await off_loop(project.memberships.create, user=eve)
    event = await clients["ada"].expect_event("membership.created")
    assert event["data"]["data"]["user_id"] == eve.pk
    await hear_the_end({"ada": clients["ada"], "bob": clients["bob"]})
    assert len(held(clients["bob"], "memberships")) == 1


async def test_a_task_that_moves_is_forgotten_by_those_it_leaves_and_found_by_the_others(clients):
    moving, releasing = await off_loop(tasks)
    key = str(moving.pk)
    await off_loop(Task.objects.filter(pk=key).update, project=releasing.project_id)
    left = (await clients["ada"].expect_event("task.deleted"))["data"]
    assert (left["recordId"], left["cause"]) == (key, "moved")
    assert "data" not in left
    await clients["bob"].wait_for(lambda bob: ("tasks", key) in bob.state)
    assert clients["bob"].state["tasks", key]["project_id"] == releasing.project_id
    await hear_the_end(clients)
    assert held(clients["ada"], "tasks") == []
    await hear_nothing_foreign(clients)


async def test_a_task_that_moved_while_everybody_was_away_is_where_it_belongs(clients):
    for client in clients.values():
        await client.close()
    moving, releasing = await off_loop(tasks)
    await off_loop(Task.objects.filter(pk=moving.pk).update, project=releasing.project_id)
    gone = ("delete", "tasks", str(moving.pk))
    assert named(await comes_back(clients["ada"])) == [gone]
    [found] = await comes_back(clients["bob"])
    assert (found["recordId"], found["data"]["title"]) == (str(moving.pk), moving.title)
    assert await comes_back(clients["eve"]) == []
    [stayed] = await comes_back(clients["grace"])
    assert (stayed["recordId"], stayed["action"] == "delete") == (str(moving.pk), False)


async def test_a_planner_entry_is_heard_by_its_owner_and_moves_with_it(clients):
    entry = await off_loop(PlannerEntry.objects.get, owner__username="ada")
    bob = (await off_loop(PlannerEntry.objects.get, owner__username="bob")).owner_id
    key = "planner_entries", str(entry.pk)
    assert [key in clients[name].state for name in ("ada", "bob", "grace")] == [True, False, True]
    await off_loop(PlannerEntry.objects.filter(pk=entry.pk).update, owner=bob)
    await clients["ada"].wait_for(lambda ada: key not in ada.state)
    await clients["bob"].wait_for(lambda bob: key in bob.state)
    await off_loop(PlannerEntry.objects.filter(pk=entry.pk).update, owner=None)
    await clients["bob"].wait_for(lambda bob: key not in bob.state)
    await hear_the_end(clients)
    assert key in clients["grace"].state
    await hear_nothing_foreign(clients)


async def test_the_project_of_others_cannot_be_asked_for(clients, hub, connect, people):
    foreign = f"project:{(await off_loop(Project.objects.get, name='Release')).pk}"
    await clients["ada"].send({"type": "sync_request", "audiences": [foreign], "id": "mine"})
    assert (await clients["ada"].expect_error("forbidden"))["id"] == "mine"
    curious = await connect(hub, token=people["ada"])
    await curious.send({"type": "hello", "token": people["ada"], "audiences": [foreign]})
    await curious.expect_error("forbidden")
    assert curious.changes() == []
