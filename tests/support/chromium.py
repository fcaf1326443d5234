"""A real browser, as Playwright runs it."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.support.require import lacking

ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")


@asynccontextmanager
async def chromium(browser: str) -> AsyncIterator[Any]:
    """Run the program at a path; it ends with the context."""
    if importlib.util.find_spec("playwright") is None:
        lacking("browser", "no playwright: install the development requirements")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        program = await playwright.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        yield program
        await program.close()
