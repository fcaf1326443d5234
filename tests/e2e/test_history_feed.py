"""The change feed in a browser: what is new comes by itself, and waits where it would disturb."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from django.db import transaction

from hubproject.models import Project, Task
from tests.e2e.conftest import PASSWORD, USERNAME
from tests.support.off_loop import off_loop
from tests.support.page import start_page

LIST = "/admin/sync/synclog/"


class OpenFeed:
    """The feed as somebody sees it who keeps it open."""

    def __init__(self, page, http_url):
        self.page = page
        self.http_url = http_url
        self.rows = page.locator("[data-hub-rows] > tr[data-seq]")
        self.unfolded = page.locator(".hub-feed-together")
        self.pill = page.locator("[data-hub-pill]")
        self.complaints = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message):
        # What a hub that is away leaves in the console is no fault of the page.
        if message.type == "error" and "ERR_" not in message.text:
            self.complaints.append(message.text)

    async def open(self, query=""):
        await self.page.goto(f"{self.http_url}{LIST}{query}")

    async def shows_first(self, text):
        """Wait until the first row has this text."""
        await self.rows.first.filter(has_text=text).wait_for()

    async def shows_state(self, state):
        await self.page.wait_for_selector(f"[data-hub-feed][data-state={state}]")
        await self.page.locator(f"[data-when={state}]").wait_for()

    async def counts(self, text):
        """Wait until the pill says this."""
        await self.pill.filter(has_text=text).wait_for()

    async def announces(self, text):
        said = self.page.locator("[data-hub-announce]").filter(has_text=text)
        await said.wait_for(state="attached")

    async def tell(self, event, detail=None):
        """Speak as a source of hints does."""
        script = """([name, detail]) => document.querySelector("[data-hub-feed]")
            .dispatchEvent(new CustomEvent(name, {detail}))"""
        await self.page.evaluate(script, [event, detail])


@asynccontextmanager
async def open_feed(browser, hub):
    async with start_page(browser) as person:
        page = person.page
        await page.goto(f"{hub.http_url}/admin/login/?next={LIST}")
        await page.fill("[name=username]", USERNAME)
        await page.fill("[name=password]", PASSWORD)
        await page.click("[type=submit]")
        feed = OpenFeed(page, hub.http_url)
        await feed.open()
        yield feed
        assert feed.complaints == []


@pytest.fixture
def hub(start_hub, django_user_model):
    """A hub in whose admin somebody may see everything; its pages ask by themselves."""
    django_user_model.objects.create_superuser(USERNAME, password=PASSWORD)
    return start_hub(settings="tests.e2e.unhinted_settings")


def rename(task, title):
    task.title = title
    task.save()


def add(project, count):
    with transaction.atomic():
        for number in range(count):
            Task.objects.create(project=project, title=f"Task {number}")


async def test_a_change_comes_in_at_the_top_with_its_values(hub, browser, tasks):
    async with open_feed(browser, hub) as feed:
        before = await feed.rows.count()
        await off_loop(rename, tasks[0], "Sign both copies")
        await feed.shows_first("Sign both copies")
        assert await feed.rows.first.locator("del").inner_text() == "Sign the lease"
        assert await feed.rows.count() == before + 1
        await feed.announces("New changes: 1")


async def test_only_what_the_filters_let_through_comes_in(hub, browser, project, tasks):
    async with open_feed(browser, hub) as feed:
        await feed.open("?table=projects&action=update")
        assert await feed.rows.count() == 0
        await off_loop(rename, tasks[0], "Sign both copies")
        await off_loop(Project.objects.filter(pk=project.pk).update, name="Move house")
        await feed.shows_first("Move house")
        assert await feed.rows.count() == 1
        assert await feed.page.locator("[data-hub-none]").count() == 0


async def test_nothing_comes_in_while_it_is_paused(hub, browser, tasks):
    async with open_feed(browser, hub) as feed:
        before = await feed.rows.count()
        pause = feed.page.get_by_role("button", name="Pause")
        await pause.click()
        await feed.shows_state("paused")
        await off_loop(rename, tasks[0], "Sign both copies")
        await feed.tell("hub:hint")
        assert await feed.rows.count() == before
        await pause.click()
        await feed.shows_first("Sign both copies")


async def test_who_reads_further_down_is_told_how_many_came(hub, browser, project, tasks):
    await off_loop(add, project, 30)
    async with open_feed(browser, hub) as feed:
        await feed.rows.last.scroll_into_view_if_needed()
        last = await feed.rows.last.inner_text()
        await off_loop(rename, tasks[0], "Sign both copies")
        await feed.counts("New changes: 1")
        await off_loop(rename, tasks[1], "Order lamps")
        await feed.counts("New changes: 2")
        assert await feed.rows.last.inner_text() == last
        await feed.pill.click()
        await feed.shows_first("Order lamps")
        await feed.pill.wait_for(state="hidden")


async def test_an_older_page_stays_as_it_is_and_leads_to_the_newest(hub, browser, project, tasks):
    await off_loop(add, project, 60)
    async with open_feed(browser, hub) as feed:
        await feed.page.get_by_role("link", name="Older").first.click()
        await feed.page.wait_for_url("**before=*")
        before = await feed.rows.count()
        await off_loop(rename, tasks[0], "Sign both copies")
        await feed.counts("New changes: 1")
        assert await feed.rows.count() == before
        await feed.pill.click()
        await feed.shows_first("Sign both copies")


async def test_what_comes_faster_than_one_can_read_is_counted(hub, browser, project, tasks):
    async with open_feed(browser, hub) as feed:
        before = await feed.rows.count()
        await feed.tell("hub:state", "live")
        await feed.shows_state("live")
        await off_loop(add, project, 60)
        await feed.tell("hub:hint")
        await feed.counts("New changes: 50+")
        assert await feed.rows.count() == before
        await feed.pill.click()
        await feed.shows_first("Task 59")


async def test_a_hint_is_answered_at_once_and_silence_by_nothing(hub, browser, tasks):
    async with open_feed(browser, hub) as feed:
        await feed.tell("hub:state", "live")
        await feed.shows_state("live")
        await feed.page.wait_for_load_state("networkidle")
        asked = []
        feed.page.on("request", lambda request: asked.append(request.url))
        await off_loop(rename, tasks[0], "Sign both copies")
        for _ in range(20):
            await feed.tell("hub:hint")
        await feed.shows_first("Sign both copies")
        await feed.page.wait_for_load_state("networkidle")
        assert 1 <= len(asked) <= 4
        await feed.tell("hub:state", "offline")
        await feed.shows_state("polling")
        await off_loop(rename, tasks[0], "File one copy")
        await feed.shows_first("File one copy")


async def test_a_hub_that_is_away_is_seen_and_what_was_missed_is_caught_up(hub, browser, tasks):
    async with open_feed(browser, hub) as feed:
        hub.kill()
        await feed.shows_state("offline")
        await off_loop(rename, tasks[0], "Sign both copies")
        hub.start()
        await feed.shows_first("Sign both copies")
        await feed.shows_state("polling")


async def test_a_transaction_is_unfolded_and_folded_again(hub, browser, project, tasks):
    await off_loop(add, project, 3)
    async with open_feed(browser, hub) as feed:
        chip = feed.rows.first.locator("[data-hub-together]")
        await chip.click()
        await feed.unfolded.nth(1).wait_for()
        assert await feed.unfolded.count() == 2
        assert "Task 1" in await feed.unfolded.first.inner_text()
        assert await chip.get_attribute("aria-expanded") == "true"
        await chip.click()
        await feed.unfolded.first.wait_for(state="detached")
        await feed.rows.nth(3).locator("[data-hub-together]").click()
        await feed.unfolded.filter(has_text="This is the only change").wait_for()


async def test_without_scripts_the_list_can_be_filtered_and_paged(hub, browser, project, tasks):
    await off_loop(add, project, 60)
    async with open_feed(browser, hub) as known:
        cookies = await known.page.context.cookies()
        plain = await known.page.context.browser.new_context(java_script_enabled=False)
        await plain.add_cookies(cookies)
        page = await plain.new_page()
        await page.goto(f"{hub.http_url}{LIST}")
        await page.select_option("#id_table", "tasks")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**/?table=tasks")
        assert await page.locator("[data-hub-pause]").is_hidden()
        await page.get_by_role("link", name="Older").first.click()
        rows = page.locator("[data-hub-rows] > tr")
        assert await rows.count() == 13
        assert "Sign the lease" in await rows.last.inner_text()
        await plain.close()
