"""In a real browser, somebody messages a client of the hub and sends it away."""

from __future__ import annotations

from realtime.models import Presence
from tests.e2e.conftest import USERNAME
from tests.support.off_loop import eventually, off_loop
from tests.support.watched_page import admin_browser, session_of

CONNECTIONS = "/admin/realtime/presence/"
DEVICES = "/admin/realtime/device/"
CONTENT = "#content-main"
LIST = "#changelist-form"


async def choose(page, action):
    """Have something done with the one client that is there."""
    await page.open(CONNECTIONS, CONTENT)
    await page.page.locator(".action-select").check()
    await page.page.select_option("[name=action]", action)
    await page.page.click("[name=index]")


async def test_a_client_is_sent_a_message_and_then_sent_away(
    hub, browser, connect, token, django_user_model
):
    user = await off_loop(django_user_model.objects.create_superuser, USERNAME)
    client = await (await connect(hub, token=token)).join()
    await eventually(Presence.objects.exists)
    session = await off_loop(session_of, user)
    async with admin_browser(browser, hub.http_url, session) as admin, admin.page() as page:
        for path in (CONNECTIONS, DEVICES):
            await page.open(path, CONTENT)
            await page.is_accessible(LIST)
        await choose(page, "message")
        await page.is_accessible(CONTENT)
        await page.page.fill("[name=event]", "support.note")
        await page.is_walked_by_keyboard(CONTENT)
        await page.page.click("[type=submit].default")
        await client.expect_event("support.note")

        await choose(page, "disconnect")
        await page.page.get_by_text("1 connection is told.").wait_for()
        goodbye = await client.expect("goodbye")
        assert (goodbye["code"], goodbye["reconnect"]) == (4007, True)
