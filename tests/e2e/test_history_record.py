"""The history of a record in a real browser: from the History button to what differs, without a
script, by keyboard."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from hubproject.models import Task
from tests.e2e.conftest import PASSWORD, USERNAME
from tests.support.chromium import chromium
from tests.support.off_loop import off_loop


@pytest.fixture
def changed(tasks):
    """Change a task twice; returns it."""
    for status in ("doing", "done"):
        Task.objects.filter(pk=tasks[0].pk).update(status=status)
    return tasks[0]


@asynccontextmanager
async def without_scripts(browser, http_url, path):
    """Open a page of the admin as somebody who logs in, in a browser that runs no scripts."""
    async with chromium(browser) as program:
        context = await program.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"{http_url}/admin/login/?next={path}")
        await page.get_by_label("Username").fill(USERNAME)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        yield page


async def test_the_history_button_leads_to_what_differs_between_two_points(
    hub, browser, log_in, changed
):
    from playwright.async_api import expect

    await off_loop(log_in, hub)
    path = f"/admin/hubproject/task/{changed.pk}/change/"
    async with without_scripts(browser, hub.http_url, path) as page:
        await page.get_by_role("link", name="History", exact=True).click()
        rows = page.locator(".record-table tbody tr")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(0)).to_contain_text("Doing")
        await expect(rows.nth(0)).to_contain_text("Done")
        await rows.nth(1).get_by_role("radio", name="From change").focus()
        await page.keyboard.press("ArrowDown")
        await expect(rows.nth(2).get_by_role("radio", name="From change")).to_be_checked()
        await page.keyboard.press("Enter")
        differing = page.locator(".hub table").first
        await expect(differing.locator("tbody tr")).to_have_count(1)
        await expect(differing).to_contain_text("To do")
        await expect(differing).to_contain_text("Done")


async def test_the_state_at_a_moment_is_asked_for_by_a_form(hub, browser, log_in, changed):
    from playwright.async_api import expect

    await off_loop(log_in, hub)
    path = f"/admin/hubproject/task/{changed.pk}/history/"
    async with without_scripts(browser, hub.http_url, path) as page:
        await page.get_by_label("State as of", exact=True).fill("2001-01-01T00:00:00")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator(".hub")).to_contain_text("Not there yet")
        assert "at=2001-01-01T00" in page.url
        await page.get_by_label("Moment").fill("9998-01-01T00:00:00")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("row", name="Status Done")).to_be_visible()
