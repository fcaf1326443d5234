"""The start page in a real browser shows each change as it is made, and catches up after a loss."""

from __future__ import annotations

from hubproject.models import Task
from tests.e2e.conftest import PASSWORD, USERNAME
from tests.support.off_loop import off_loop
from tests.support.page import start_page


async def test_an_edit_in_the_admin_shows_up_in_order(hub, browser, log_in, tasks):
    admin = await off_loop(log_in, hub)
    path = f"hubproject/task/{tasks[0].pk}"
    async with start_page(browser) as page:
        await page.log_in(hub.http_url, USERNAME, PASSWORD)
        await page.shows("tasks", tasks[0].pk, "title", "Sign the lease")
        await off_loop(admin.edit, path, title="Sign both copies", status="doing")
        await off_loop(admin.edit, path, status="done")
        await off_loop(admin.edit, path, title="File one copy")
        await page.shows("tasks", tasks[0].pk, "title", "File one copy")
        await page.shows("tasks", tasks[0].pk, "status", "done")
        assert await page.events() == [
            "task.statusChanged",
            "task.statusChanged",
            "task.updated",
        ]


async def test_text_that_looks_like_markup_is_shown_as_text(hub, browser, log_in, tasks):
    admin = await off_loop(log_in, hub)
    title = "<img src=x onerror=document.title='run'>"
    async with start_page(browser) as page:
        await page.log_in(hub.http_url, USERNAME, PASSWORD)
        await off_loop(admin.edit, f"hubproject/task/{tasks[0].pk}", title=title)
        await page.shows("tasks", tasks[0].pk, "title", title)
        assert await page.page.locator("#projects img").count() == 0


async def test_the_page_catches_up_after_the_hub_was_away(hub, browser, log_in, project, tasks):
    async with start_page(browser) as page:
        await page.log_in(hub.http_url, USERNAME, PASSWORD)
        hub.kill()
        await page.is_cut_off()
        await off_loop(Task.objects.filter(pk=tasks[0].pk).update, title="Signed")
        await off_loop(tasks[1].delete)
        added = await off_loop(Task.objects.create, project=project, title="Order lamps")
        hub.start()
        await page.is_live()
        await page.shows("tasks", added.pk, "title", "Order lamps")
        assert await page.titles() == {
            str(tasks[0].pk): "Signed",
            str(tasks[2].pk): "Tell the post office",
            str(added.pk): "Order lamps",
        }
