"""Rights that change while a client is here or away: it hears what it may, and forgets the rest.

Nothing but the host's own code tells the hub: memberships are saved, users are edited.
"""

from __future__ import annotations

import pytest

from hubproject.models import PlannerEntry, Project, Task
from realtime.codes import CloseCode
from tests.support.client import HubClient
from tests.support.ledger import named
from tests.support.off_loop import off_loop
from tests.support.page import start_page
from tests.support.state import database_state
from tests.support.varied import varied

TODAY = "2026-01-31"
PASSWORD = "only for tests"
# The hub's own re-check comes too late to explain anything that is heard in these tests.
NO_RECHECK = varied(REALTIME={"RECHECK_INTERVAL": 3600.0})


@pytest.fixture
def hub(start_hub):
    return start_hub(**NO_RECHECK)


@pytest.fixture
def eve(transactional_db, django_user_model):
    """A user who is a member of nothing."""
    return django_user_model.objects.create_user("eve", password=PASSWORD)


@pytest.fixture
def eves_token(eve, make_token):
    return make_token("eve")


@pytest.fixture
async def client(hub, connect, eves_token, project, tasks):
    """Eve's client, live, while there is a project that is not hers."""
    return await (await connect(hub, token=eves_token)).join()


def audience(project):
    return f"project:{project.pk}"


async def gained(client: HubClient, *audiences: str):
    """Wait until the client is told of rights it has gained and has got the records that go with
    them; returns the pages."""
    told = await client.expect("audiences", gained=sorted(audiences))
    assert told["lost"] == []
    assert set(audiences) <= set(told["audiences"])
    assert told["timestamp"]
    pages = []
    while not pages or pages[-1]["hasMore"]:
        pages.append(await client.expect("sync_response", audiences=sorted(audiences)))
    places = [client.received.index(message) for message in (told, *pages)]
    assert places == sorted(places), "the pages came before it was said what they are about"
    return pages


async def lost(client: HubClient, *audiences: str):
    """Wait until the client is told of rights it has lost."""
    told = await client.expect("audiences", lost=sorted(audiences))
    assert told["gained"] == []
    assert not set(audiences) & set(told["audiences"])


async def hears(client: HubClient, task: Task, title: str):
    """Have a task renamed, and wait until the client has it."""
    await off_loop(Task.objects.filter(pk=task.pk).update, title=title)
    event = await client.expect_event("task.updated")
    assert event["data"]["data"]["title"] == title


async def is_equal(client: HubClient):
    """Assert that a client holds what the database has for the audiences it was told."""
    assert client.state == await off_loop(database_state, client.audiences)


async def test_a_new_member_gets_the_project_at_once_and_hears_of_it(client, eve, project, tasks):
    assert client.state == {}
    await off_loop(project.memberships.create, user=eve)
    pages = await gained(client, audience(project))
    changes = [change for page in pages for change in page["changes"]]
    assert {change["audience"] for change in changes} == {audience(project)}
    assert {(table, key) for _, table, key in named(changes)} >= {
        ("projects", str(project.pk)),
        *(("tasks", str(task.pk)) for task in tasks),
    }
    await hears(client, tasks[0], "Sign both copies")
    await is_equal(client)


async def test_a_member_that_is_removed_is_told_and_hears_nothing_more(client, eve, project, tasks):
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    await hears(client, tasks[0], "Sign both copies")
    await off_loop(project.memberships.filter(user=eve).delete)
    await lost(client, audience(project))
    known = len(client.changes())
    await off_loop(Task.objects.filter(pk=tasks[1].pk).update, title="Order beams")
    await off_loop(PlannerEntry.objects.create, date=TODAY, title="The end", owner=eve)
    await client.expect_event("planner.entryChanged")
    heard = [change["audience"] for change in client.changes()[known:]]
    assert heard == [f"user:{eve.pk}"]
    await client.send({"type": "sync_request", "audiences": [audience(project)]})
    await client.expect_error("forbidden")
    await is_equal(client)


async def test_a_member_that_is_removed_and_taken_back_misses_nothing(client, eve, project, tasks):
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    await off_loop(project.memberships.filter(user=eve).delete)
    await lost(client, audience(project))
    await off_loop(tasks[2].delete)
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    await hears(client, tasks[0], "Sign both copies")
    await is_equal(client)


async def test_the_other_members_go_on_undisturbed(
    hub, connect, client, token, eve, project, tasks
):
    staff = await (await connect(hub, token=token)).join()
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    await off_loop(project.memberships.filter(user=eve).delete)
    await lost(client, audience(project))
    await hears(staff, tasks[0], "Sign both copies")
    assert [message for message in staff.received if message["type"] == "audiences"] == []
    await is_equal(staff)


async def test_staff_hear_a_new_project_at_once(hub, connect, token):
    staff = await (await connect(hub, token=token)).join()
    project = await off_loop(Project.objects.create, name="Party")
    await gained(staff, audience(project))
    task = await off_loop(project.tasks.create, title="Send the invitations")
    await staff.expect_event("task.created")
    await hears(staff, task, "Print the invitations")
    await is_equal(staff)


async def test_who_becomes_staff_hears_all_and_who_ceases_to_be_forgets_it(
    client, eve, project, tasks
):
    eve.is_staff = True
    await off_loop(eve.save)
    await gained(client, audience(project), "user:None")
    await is_equal(client)
    eve.is_staff = False
    await off_loop(eve.save)
    await lost(client, audience(project), "user:None")
    assert set(client.audiences) == {"everyone", f"user:{eve.pk}"}


async def test_a_user_that_is_deactivated_is_told_to_stay_away(
    hub, connect, client, eves_token, eve
):
    eve.is_active = False
    await off_loop(eve.save)
    goodbye = await client.expect("goodbye")
    assert (goodbye["code"], goodbye["reconnect"]) == (CloseCode.REVOKED, False)
    code, _ = await client.wait_closed()
    assert code == CloseCode.REVOKED == 4503
    back = await connect(hub, token=eves_token)
    await back.send({"type": "hello", "token": eves_token})
    code, _ = await back.wait_closed()
    assert code >= 4500
    assert back.changes() == []


async def test_a_member_of_a_project_that_is_deleted_holds_nothing_of_it(
    client, eve, project, tasks
):
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    name = audience(project)
    await off_loop(project.delete)
    await lost(client, name)
    assert client.state == {}


async def test_what_changed_while_the_client_was_away_is_made_up_for(
    client, eve, project, tasks, make_token
):
    await off_loop(project.memberships.create, user=eve)
    await gained(client, audience(project))
    await client.close()
    other = await off_loop(Project.objects.create, name="Party")
    await off_loop(other.tasks.create, title="Send the invitations")
    await off_loop(other.memberships.create, user=eve)
    await off_loop(project.memberships.filter(user=eve).delete)
    await client.connect()
    welcome = await client.hello(heldAudiences=["everyone", f"user:{eve.pk}", audience(project)])
    assert set(welcome["lost"]) == {audience(project), audience(other)}
    assert audience(other) in welcome["audiences"]
    await client.expect("sync_response", audiences=[audience(other)])
    await client.wait_for(lambda client: client.caught_up)
    await is_equal(client)


async def test_every_process_follows(start_hub, connect, hub, eves_token, eve, project, tasks):
    second = start_hub(**NO_RECHECK)
    clients = [await (await connect(each, token=eves_token)).join() for each in (hub, second)]
    await off_loop(project.memberships.create, user=eve)
    for client in clients:
        await gained(client, audience(project))
    await off_loop(project.memberships.filter(user=eve).delete)
    for client in clients:
        await lost(client, audience(project))
        await is_equal(client)


async def test_a_right_that_no_signal_tells_of_is_found_by_the_next_look(
    start_hub, connect, eves_token, eve, project, tasks
):
    hub = start_hub(**varied(REALTIME={"RECHECK_INTERVAL": 0.2}))
    client = await (await connect(hub, token=eves_token)).join()
    manager = project.memberships
    await off_loop(manager.bulk_create, [manager.model(project=project, user=eve)])
    await gained(client, audience(project))
    await is_equal(client)


async def test_the_start_page_shows_what_may_be_seen_and_nothing_else(
    hub, browser, eve, project, tasks
):
    async with start_page(browser) as page:
        await page.log_in(hub.http_url, "eve", PASSWORD)
        assert await page.titles() == {}
        await off_loop(project.memberships.create, user=eve)
        await page.shows("tasks", tasks[0].pk, "title", "Sign the lease")
        await off_loop(project.memberships.filter(user=eve).delete)
        await page.does_not_show("projects", project.pk)
        await off_loop(project.memberships.create, user=eve)
        await page.shows("tasks", tasks[0].pk, "title", "Sign the lease")
        hub.kill()
        await page.is_cut_off()
        await off_loop(project.memberships.filter(user=eve).delete)
        other = await off_loop(Project.objects.create, name="Party")
        await off_loop(other.memberships.create, user=eve)
        hub.start()
        await page.is_live()
        await page.shows("projects", other.pk, "name", "Party")
        await page.does_not_show("projects", project.pk)
