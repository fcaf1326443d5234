"""Cross-site WebSocket hijacking: a page of another site, in a browser that is logged in here."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from hubproject.models import Task
from tests.support.off_loop import off_loop


@pytest.fixture
async def cookies(hub, log_in):
    """The cookies of a person who has really logged in, which the browser sends whoever asks."""
    person = await off_loop(log_in, hub)
    return {cookie.name: cookie.value for cookie in person.cookies}


async def hears(client, project):
    await client.sync()
    await off_loop(Task.objects.create, project=project, title="secret")
    return (await client.expect_event("task.created"))["data"]["data"]["title"]


async def test_the_sites_own_page_hears_with_the_cookie_alone(hub, connect, cookies, project):
    page = await connect(hub, cookies=cookies, origin=hub.http_url)
    assert await hears(page, project) == "secret"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", "https://127.0.0.1.evil.example.org", "http://evil@127.0.0.1"],
)
async def test_the_page_of_another_site_is_refused(hub, connect, cookies, origin):
    with pytest.raises(InvalidStatus) as refused:
        await connect(hub, cookies=cookies, origin=origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://localhost", "null", None])
async def test_another_page_of_this_machine_hears_nothing(hub, connect, cookies, project, origin):
    own = await connect(hub, cookies=cookies, origin=hub.http_url)
    thief = await connect(hub, cookies=cookies, origin=origin)
    await hears(own, project)
    for message in ("hello", "sync_request", "ping"):
        await thief.send({"type": message})
        await thief.expect_error("unauthenticated")
    assert {message["type"] for message in thief.received} == {"error"}
