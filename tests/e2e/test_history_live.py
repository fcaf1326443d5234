"""The feed of the history in a real browser: told over the hub's socket, or asking by itself."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings
from django.contrib.auth.models import Permission

from hubproject.models import Task
from tests.support.chromium import chromium
from tests.support.off_loop import off_loop
from tests.support.page import SECONDS
from tests.support.watched_page import session_of

HINTED = "tests.e2e.hinted_settings"
POLLING = "tests.e2e.polling_settings"
FEED = "/admin/sync/synclog/"
SOCKET = "**/ws/**"
SEEN = ("view_synclog", "view_task")


class Feed:
    """The page of the feed as a person sees it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    async def open(self, hub: Any, query: str = "") -> Feed:
        await self.page.goto(f"{hub.http_url}{FEED}{query}")
        return self

    async def is_in_state(self, state: str) -> None:
        await self.page.wait_for_selector(f"[data-hub-feed][data-state={state}]")

    async def shows(self, text: str) -> None:
        await self.page.locator("[data-hub-rows] tr", has_text=text).first.wait_for()

    async def rows_with(self, text: str) -> int:
        return int(await self.page.locator("[data-hub-rows] tr", has_text=text).count())

    async def pauses(self) -> None:
        await self.page.click("[data-hub-pause]")

    async def offers(self, text: str) -> None:
        await self.page.locator("[data-hub-pill]", has_text=text).wait_for()

    async def takes_the_offer(self) -> None:
        await self.page.click("[data-hub-pill]")


@pytest.fixture
def support(transactional_db, django_user_model):
    """Somebody who may see the history of tasks, and nothing else."""
    user = django_user_model.objects.create(username="support", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=SEEN))
    return user


@pytest_asyncio.fixture
async def feed_of(browser):
    """Give a browser of its own to a user who is logged in."""
    async with chromium(browser) as program:

        async def feed_of(user, hub):
            context = await program.new_context()
            context.set_default_timeout(SECONDS * 1000)
            session = await off_loop(session_of, user)
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": hub.http_url}
            await context.add_cookies([cookie])
            return Feed(await context.new_page())

        yield feed_of


async def rename(task, title):
    await off_loop(Task.objects.filter(pk=task.pk).update, title=title)


async def test_a_change_made_elsewhere_slides_in_over_the_socket(
    start_hub, feed_of, support, tasks
):
    hub = await off_loop(start_hub, settings=HINTED)
    feed = await (await feed_of(support, hub)).open(hub)
    await feed.is_in_state("live")
    await rename(tasks[0], "Sign both copies")
    await feed.shows("Sign both copies")


async def test_only_what_matches_the_filter_slides_in(start_hub, feed_of, support, tasks):
    hub = await off_loop(start_hub, settings=HINTED)
    feed = await (await feed_of(support, hub)).open(hub, f"?record={tasks[1].pk}&table=tasks")
    await feed.is_in_state("live")
    await rename(tasks[0], "Sign both copies")
    await rename(tasks[1], "Order chairs")
    await feed.shows("Order chairs")
    assert await feed.rows_with("Sign both copies") == 0


async def test_what_somebody_may_not_see_does_not_slide_in(
    start_hub, feed_of, support, project, tasks
):
    """The hint comes for every change: what it leads to is judged row by row."""
    hub = await off_loop(start_hub, settings=HINTED)
    feed = await (await feed_of(support, hub)).open(hub)
    await feed.is_in_state("live")
    project.name = "A secret move"
    await off_loop(project.save)
    await rename(tasks[0], "Sign both copies")
    await feed.shows("Sign both copies")
    assert await feed.rows_with("A secret move") == 0


async def test_a_page_that_is_paused_stands_still_until_it_is_not(
    start_hub, feed_of, support, tasks
):
    hub = await off_loop(start_hub, settings=HINTED)
    paused = await (await feed_of(support, hub)).open(hub)
    other = await (await feed_of(support, hub)).open(hub)
    for feed in (paused, other):
        await feed.is_in_state("live")
    await paused.pauses()
    await paused.is_in_state("paused")
    await rename(tasks[0], "Sign both copies")
    await other.shows("Sign both copies")
    assert await paused.rows_with("Sign both copies") == 0
    await paused.pauses()
    await paused.shows("Sign both copies")


async def test_who_reads_further_down_is_offered_what_is_new(
    start_hub, feed_of, support, project, tasks
):
    more = [Task(project=project, title=f"Task {number}") for number in range(40)]
    await off_loop(Task.objects.bulk_create, more)
    hub = await off_loop(start_hub, settings=HINTED)
    feed = await (await feed_of(support, hub)).open(hub)
    await feed.is_in_state("live")
    await feed.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await rename(tasks[0], "Sign both copies")
    await feed.offers("1")
    assert await feed.rows_with("Sign both copies") == 0
    await feed.takes_the_offer()
    await feed.shows("Sign both copies")


async def test_where_the_socket_is_blocked_the_page_asks_by_itself(
    start_hub, feed_of, support, tasks
):
    hub = await off_loop(start_hub, settings=POLLING)
    feed = await feed_of(support, hub)
    await feed.page.route_web_socket(SOCKET, lambda socket: socket.close())
    await feed.open(hub)
    await feed.is_in_state("polling")
    await rename(tasks[0], "Sign both copies")
    await feed.shows("Sign both copies")
    await feed.is_in_state("polling")


async def test_a_page_comes_back_to_a_hub_that_was_away_and_shows_what_it_missed(
    start_hub, feed_of, support, tasks
):
    hub = await off_loop(start_hub, settings=HINTED)
    feed = await (await feed_of(support, hub)).open(hub)
    await feed.is_in_state("live")
    await off_loop(hub.kill)
    await feed.page.wait_for_selector("[data-hub-feed]:not([data-state=live])")
    await rename(tasks[0], "Sign both copies")
    await off_loop(hub.start)
    await feed.shows("Sign both copies")
    await feed.is_in_state("live")


async def test_who_loses_the_right_is_told_of_nothing_more(start_hub, feed_of, support, tasks):
    hub = await off_loop(start_hub, settings=HINTED)
    hub.expect_traceback("django.request")  # of the page that is refused
    feed = await feed_of(support, hub)
    opened = []
    feed.page.on("websocket", lambda socket: opened.append(socket.url))
    await feed.open(hub)
    await feed.is_in_state("live")
    await off_loop(support.user_permissions.clear)
    await rename(tasks[0], "Sign both copies")
    await feed.is_in_state("offline")
    assert await feed.rows_with("Sign both copies") == 0
    assert len(opened) == 1
