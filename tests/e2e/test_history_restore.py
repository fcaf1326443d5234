"""Restoring in a real browser without scripts, and on the screens of those who are live."""

from __future__ import annotations

from hubproject.models import Task
from sync.models import SyncLog
from sync.publishing import publish
from tests.e2e.conftest import PASSWORD, USERNAME
from tests.support.off_loop import off_loop
from tests.support.page import SECONDS, start_page

LOG = "/admin/sync/synclog"
REASON = "a slip of the pen"


def rename(task):
    """Change a task twice; returns the entry of the first change."""
    Task.objects.filter(pk=task.pk).update(title="Order tables")
    publish()
    entry = SyncLog.objects.get(table="tasks", record_id=str(task.pk), action="update")
    Task.objects.filter(pk=task.pk).update(title="Order chairs", status="done")
    publish()
    return entry


async def test_a_restore_is_looked_at_done_and_heard(
    hub, browser, connect, token, tasks, django_user_model
):
    await off_loop(django_user_model.objects.create_superuser, USERNAME, password=PASSWORD)
    entry = await off_loop(rename, tasks[1])
    live = await (await connect(hub, token=token)).join()
    address = f"{hub.http_url}{LOG}/restore/{entry.pk}/"
    async with start_page(browser) as start:
        page = await start.page.context.browser.new_page(java_script_enabled=False)
        page.set_default_timeout(SECONDS * 1000)
        await page.goto(address)
        await page.fill("[name=username]", USERNAME)
        await page.fill("[name=password]", PASSWORD)
        await page.click("[type=submit]")

        title = page.get_by_label("Title", exact=True)
        assert not await title.is_checked()  # for it was changed since
        assert "Changed since" in await page.locator("#hub-remarks-title").inner_text()
        await title.focus()
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="Show what would be written").click()

        written = page.locator("#hub-step-0")
        assert await written.locator("del").inner_text() == "Order chairs"
        assert await written.locator("ins").inner_text() == "Order desks"
        await page.get_by_role("button", name="Restore this").click()
        await page.get_by_role("link", name="Reason: This field is required.").click()
        assert page.url.endswith("#id_reason")

        await page.get_by_label("Reason").fill(REASON)
        await page.get_by_role("button", name="Restore this").click()
        await page.get_by_text("1 record is what it was again.").wait_for()
        assert REASON in await page.locator("#content").inner_text()
    change = (await live.expect_event("task.updated"))["data"]
    assert (change["data"]["title"], change["data"]["status"]) == ("Order desks", "done")
