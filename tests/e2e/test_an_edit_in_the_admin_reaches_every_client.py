"""The main job: somebody edits a task in the admin, and every connected client hears of it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.ledger import heard_after, numbers, numbers_received
from tests.support.node import NodeClient, install_packages
from tests.support.off_loop import off_loop
from tests.support.state import database_state

TITLES = ["Order chairs", "Order lamps", "Order plants"]


def path_of(task):
    return f"hubproject/task/{task.pk}"


async def test_a_websockets_client_hears_each_edit_in_order(hub, connect, token, log_in, tasks):
    client = await (await connect(hub, token=token)).join()
    joined_at = client.cursor
    admin = await off_loop(log_in, hub)
    for title in TITLES:
        await off_loop(admin.edit, path_of(tasks[1]), title=title, status="doing")
        event = await client.expect("event")
        assert (event["data"]["recordId"], event["data"]["data"]["title"]) == (
            str(tasks[1].pk),
            title,
        )
    events = [message for message in client.received if message["type"] == "event"]
    assert [event["event"] for event in events] == [
        "task.statusChanged",
        "task.updated",
        "task.updated",
    ]
    assert numbers_received(client.changes()[-3:]) == numbers(
        await off_loop(heard_after, joined_at)
    )
    assert client.state == await off_loop(database_state)
    assert (client.repeated, client.out_of_order) == (0, 0)


async def test_a_logged_in_page_of_the_site_hears_the_edit_by_its_session_cookie(
    hub, connect, log_in, tasks
):
    admin = await off_loop(log_in, hub)
    cookies = {cookie.name: cookie.value for cookie in admin.cookies}
    client = await (await connect(hub, cookies=cookies, origin=hub.http_url)).join()
    await off_loop(admin.edit, path_of(tasks[0]), title=TITLES[0])
    event = await client.expect_event("task.updated")
    assert event["data"]["changed"] == ["title"]


async def test_clients_of_two_hubs_hear_the_edit_that_one_of_them_served(
    start_hub, connect, redis_url, token, log_in, tasks
):
    hubs = [start_hub(redis_url=redis_url) for _ in range(2)]
    clients = [await (await connect(hub, token=token)).join() for hub in hubs]
    admin = await off_loop(log_in, hubs[0])
    for title in TITLES:
        await off_loop(admin.edit, path_of(tasks[2]), title=title)
    for client in clients:
        heard = [(await client.expect("event"))["data"]["data"]["title"] for _ in TITLES]
        assert heard == TITLES


async def test_a_node_client_hears_each_edit_in_order(hub, node, token, log_in, tasks):
    install_packages()
    since = datetime(2000, 1, 1, tzinfo=UTC).isoformat()
    admin = await off_loop(log_in, hub)
    async with NodeClient(node, hub.ws_url, token, "node-1", since) as client:
        await client.wait_for(lambda client: client.caught_up)
        for title in TITLES:
            await off_loop(admin.edit, path_of(tasks[1]), title=title)
        await client.wait_for(lambda client: len(client.changes()) == len(tasks) + 1 + len(TITLES))
        assert [message["type"] for message in client.received[:2]] == ["pong", "sync_response"]
        assert [change["data"]["title"] for change in client.changes()[-3:]] == TITLES
        assert client.state == await off_loop(database_state)


async def test_the_history_in_the_admin_says_who_changed_what(hub, connect, token, log_in, tasks):
    client = await (await connect(hub, token=token)).join()
    joined_at = client.cursor
    admin = await off_loop(log_in, hub)
    await off_loop(admin.edit, path_of(tasks[1]), title="Order forty desks")
    await client.expect_event("task.updated")
    [entry] = await off_loop(heard_after, joined_at)
    assert entry.source == "admin"
    assert (entry.actor, entry.changed_names) == ("editor", ["title"])
    listed = await off_loop(admin.get, "/admin/sync/synclog/")
    assert "editor" in listed
    page = await off_loop(admin.get, f"/admin/sync/synclog/{entry.pk}/change/")
    assert "Order desks" in page
    assert "Order forty desks" in page
