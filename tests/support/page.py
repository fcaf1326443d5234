"""The start page of the host in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.chromium import chromium

SECONDS = 30


class StartPage:
    """The page as a person sees it: text, and the state that it shows."""

    def __init__(self, page: Any) -> None:
        self.page = page

    async def log_in(self, url: str, username: str, password: str) -> None:
        """Open the page, which asks for a login, and wait until it is live."""
        await self.page.goto(url)
        await self.page.fill("[name=username]", username)
        await self.page.fill("[name=password]", password)
        await self.page.click("[type=submit]")
        await self.is_live()

    async def is_live(self) -> None:
        """Wait until the page says that it hears changes."""
        await self.page.wait_for_selector("#connection[data-state=live]")

    async def is_cut_off(self) -> None:
        """Wait until the page says that it has lost the hub."""
        await self.page.wait_for_selector("#connection:not([data-state=live])")

    async def shows(self, table: str, record_id: Any, field: str, text: str) -> None:
        """Wait until a record is shown with this text in one of its fields."""
        record = f'[data-table="{table}"][data-record-id="{record_id}"]'
        field_of_it = self.page.locator(f'{record} [data-field="{field}"]')
        await field_of_it.filter(has_text=text).first.wait_for()

    async def does_not_show(self, table: str, record_id: Any) -> None:
        """Wait until a record is gone from the page."""
        record = f'[data-table="{table}"][data-record-id="{record_id}"]'
        await self.page.locator(record).wait_for(state="detached")

    async def titles(self) -> dict[str, str]:
        """Return the title of every task on the page by its id."""
        rows = self.page.locator('tr[data-table="tasks"]')
        found = await rows.evaluate_all(
            "rows => rows.map(row => [row.dataset.recordId,"
            " row.querySelector('[data-field=title]').textContent])"
        )
        return dict(found)

    async def events(self) -> list[str]:
        """Return the names in the list of last events, oldest first."""
        names = await self.page.locator("#events [data-field=event]").all_text_contents()
        return names[::-1]


@asynccontextmanager
async def start_page(browser: str) -> AsyncIterator[StartPage]:
    """Run a browser; its page has not been anywhere yet."""
    async with chromium(browser) as program:
        page = await program.new_page()
        page.set_default_timeout(SECONDS * 1000)
        yield StartPage(page)
