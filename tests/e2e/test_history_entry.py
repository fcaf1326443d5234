"""The page of an entry and that of a transaction in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

import sync
from sync.models import SyncLog
from sync.publishing import publish
from tests.support.hub import Hub
from tests.support.off_loop import off_loop
from tests.support.page import start_page
from tests.testapp.models import Everything, Owner

WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 420, "height": 900}

Open = Callable[..., Any]


@pytest.fixture
def open_admin(hub: Hub, browser: str, django_user_model: Any) -> Open:
    """Open pages of the admin as somebody who may see everything."""
    user = django_user_model.objects.create_superuser("grace")
    client = Client()
    client.force_login(user)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": hub.http_url,
    }

    @asynccontextmanager
    async def open_page(path: str, viewport: Any = WIDE) -> AsyncIterator[Any]:
        async with start_page(browser) as started:
            page = started.page
            await page.context.add_cookies([cookie])
            await page.set_viewport_size(viewport)
            await page.goto(hub.http_url + path)
            yield page

    return open_page


def change_something() -> str:
    """Change a long text and a document; returns the path of the change."""
    lines = [f"Paragraph {n} says what was agreed about room {n}." for n in range(120)]
    with sync.context(actor="grace", reason="The lease begins in May.", client_id="laptop"):
        thing = Everything.objects.create(
            char="Lease", text="\n".join(lines), options={"rent": 900, "rooms": ["hall"]}
        )
        lines[60] = lines[60].replace("agreed about", "struck out of the contract for")
        thing.text = "\n".join(lines)
        thing.options = {"rent": 950, "rooms": ["hall", "attic"]}
        thing.flag = True
        thing.save()
    publish()
    return f"/admin/sync/synclog/{SyncLog.objects.get(action='update').pk}/change/"


async def test_both_sides_are_beside_each_other_with_the_facts_at_their_side(open_admin):
    path = await off_loop(change_something)
    async with open_admin(path) as page:
        row = page.locator('tr[data-field="text"]')
        before = await row.locator('[data-side="before"]').bounding_box()
        after = await row.locator('[data-side="after"]').bounding_box()
        facts = await page.locator(".hub-entry-facts").bounding_box()
        assert before["y"] == after["y"]
        assert before["x"] + before["width"] <= after["x"] + 1
        assert after["x"] + after["width"] <= facts["x"]


async def test_on_a_telephone_the_facts_come_below(open_admin):
    path = await off_loop(change_something)
    async with open_admin(path, NARROW) as page:
        fields = await page.locator(".hub-entry-fields").bounding_box()
        facts = await page.locator(".hub-entry-facts").bounding_box()
        assert facts["y"] >= fields["y"] + fields["height"]


async def test_the_changed_words_of_a_long_text_are_seen_without_scrolling(open_admin):
    path = await off_loop(change_something)
    async with open_admin(path) as page:
        box = page.locator('tr[data-field="text"] [data-side="after"] .hub-text')
        word = box.locator("ins")
        outer, inner = await box.bounding_box(), await word.bounding_box()
        assert outer["y"] <= inner["y"] <= outer["y"] + outer["height"]
        assert "about room 3." not in await box.inner_text()
        await box.locator("summary").first.click()
        assert "about room 3." in await box.inner_text()


async def test_a_box_that_scrolls_is_reached_and_scrolled_by_keyboard(open_admin):
    path = await off_loop(change_something)
    async with open_admin(path) as page:
        box = page.locator('tr[data-field="text"] [data-side="after"] .hub-text')
        await box.locator("summary").first.click()
        await box.focus()
        await page.keyboard.press("End")
        scrolled = "box => box.scrollTop > 0 && box === document.activeElement"
        await page.wait_for_function(scrolled, arg=await box.element_handle())


async def test_one_goes_from_change_to_change_and_to_the_transaction(open_admin):
    def write() -> str:
        with transaction.atomic():
            owner = Owner.objects.create(name="Ada")
            owner.name = "Countess"
            owner.save()
        publish()
        return f"/admin/sync/synclog/{SyncLog.objects.get(action='insert').pk}/change/"

    path = await off_loop(write)
    async with open_admin(path) as page:
        await page.get_by_role("link", name="Next change of this record").click()
        await page.get_by_text("Countess was changed").first.wait_for()
        await page.get_by_role("link", name="Whole transaction", exact=True).click()
        assert await page.locator(".hub-transaction article").count() == 2
        await page.locator(".hub-transaction summary").click()
        assert await page.get_by_role("cell", name="Ada").first.is_visible()
