"""The Django admin in a real browser, which is asked afterwards what went wrong there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client

from tests.support import axe
from tests.support.chromium import chromium
from tests.support.page import SECONDS

OURS: Final = ".hub"
"""What of a page of the history is this project's; the rest is Django's, or a theme's."""

ENTER: Final = """scope => {
    const part = document.querySelector(scope);
    const wanted = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    window.hubStops = [...part.querySelectorAll(wanted)].filter(one => {
        if (one.disabled || one.type === "hidden" || one.tabIndex < 0) return false;
        if (!one.checkVisibility({visibilityProperty: true})) return false;
        // Of radio buttons that belong together the chosen one is reached, and the arrows choose.
        if (one.type !== "radio") return true;
        const group = [...part.querySelectorAll(`input[type=radio][name="${one.name}"]`)];
        return one === (group.find(button => button.checked) ?? group[0]);
    });
    part.tabIndex = -1;
    part.focus();
    return window.hubStops.map(one => one.outerHTML.slice(0, 200));
}"""
"""Go to the beginning of our part, and return all in it that can be used."""

FOCUSED: Final = """scope => {
    const one = document.activeElement;
    if (!document.querySelector(scope).contains(one)) return null;
    const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(one);
    // The browser shows which part of a time has the focus.
    const hasParts = ["date", "datetime-local", "month", "time", "week"].includes(one.type);
    const isSeen = hasParts || boxShadow !== "none"
        || outlineStyle !== "none" && outlineWidth !== "0px";
    return {stop: window.hubStops.indexOf(one), html: one.outerHTML.slice(0, 200), isSeen};
}"""

OVERFLOW: Final = """scope => {
    const part = document.querySelector(scope);
    const places = [document.documentElement, part];
    if (Math.max(...places.map(one => one.scrollWidth - one.clientWidth)) <= 0) return null;
    const {left, right} = part.getBoundingClientRect();
    const scrolls = one => one !== part
        && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
    const wide = [...part.querySelectorAll(":not(option)")].filter(one => {
        if (scrolls(one.parentElement)) return false;
        const box = one.getBoundingClientRect();
        return box.width > 1 && (box.left < left - 1 || box.right > right + 1);
    });
    return wide.slice(0, 5).map(one => one.outerHTML.slice(0, 200));
}"""
"""What is wider than its place, where the page or our part of it is; what scrolls by itself is
not."""

PRESSES: Final = 10
"""How often Tab may be pressed within one thing: a time has as many parts."""


class Look(NamedTuple):
    """How somebody looks at a page: in which language and light, how wide, and with what."""

    language: str = "en"
    scheme: Literal["light", "dark"] = "light"
    """What the browser asks for."""
    chosen: tuple[tuple[str, str], ...] = ()
    """What the person has chosen in the admin before, which keeps it in the browser's storage."""
    width: int = 1280
    has_scripts: bool = True


class WatchedPage:
    """A page that notes what its console, its policy and its requests complain of."""

    def __init__(self, page: Any, http_url: str) -> None:
        self.page = page
        self.http_url = http_url
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._note_lost)
        page.on("response", self._note_refused)

    async def open(self, path: str, scope: str = OURS) -> None:
        """Go to a path of the hub; asserts that a page of the history is there."""
        response = await self.page.goto(self.http_url + path)
        assert response.status == 200, f"{path} answers {response.status}"
        assert await self.page.locator(scope).is_visible(), f"{path} shows no {scope}"

    def has_no_complaints(self) -> None:
        """Assert that nothing went wrong until now."""
        assert not self.complaints, "\n".join(self.complaints)

    async def is_accessible(self, scope: str = OURS) -> None:
        """Assert that axe finds nothing wrong with our part of the page, contrast included."""
        found = await axe.violations(self.page, scope)
        assert not found, "\n\n".join(found)

    async def fits(self, scope: str = OURS) -> None:
        """Assert that nothing but what scrolls by itself is wider than the window."""
        wide = await self.page.evaluate(OVERFLOW, scope)
        assert wide is None, "too wide for the window:\n" + "\n".join(wide)

    async def is_walked_by_keyboard(self, scope: str = OURS) -> list[str]:
        """Assert that Tab reaches all that can be used, each with a focus to be seen; returns
        them in this order."""
        wanted: list[str] = await self.page.evaluate(ENTER, scope)
        reached: dict[int, str] = {}
        for _ in range(PRESSES * (len(wanted) + 1)):
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(FOCUSED, scope)
            if focused is None:
                break
            assert focused["isSeen"], f"nobody sees that this has the focus: {focused['html']}"
            reached[focused["stop"]] = focused["html"]
        missed = [html for stop, html in enumerate(wanted) if stop not in reached]
        assert not missed, "Tab does not reach:\n" + "\n".join(missed)
        return list(reached.values())

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _note_lost(self, request: Any) -> None:
        # What a page had under way when it was left is no fault of its.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"lost: {request.url} ({request.failure})")

    def _note_refused(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"refused: {response.url} ({response.status})")
        if urlsplit(response.url).netloc not in ("", urlsplit(self.http_url).netloc):
            self.complaints.append(f"of another host: {response.url}")


class AdminBrowser:
    """A browser in which somebody is logged in, without having met the login page."""

    def __init__(self, program: Any, http_url: str, session: str) -> None:
        self._program = program
        self._contexts: dict[Look, Any] = {}
        self.http_url = http_url
        self._session = session

    @asynccontextmanager
    async def page(self, look: Look = Look()) -> AsyncIterator[WatchedPage]:  # noqa: B008
        """Open a page that is looked at like this; at its end it must have had no complaints."""
        page = await (await self._context(look)).new_page()
        watched = WatchedPage(page, self.http_url)
        yield watched
        await page.close()
        watched.has_no_complaints()

    async def _context(self, look: Look) -> Any:
        """Return what pages of the same look share, which makes the second of them quick."""
        if look not in self._contexts:
            self._contexts[look] = await self._new_context(look)
        return self._contexts[look]

    async def _new_context(self, look: Look) -> Any:
        context = await self._program.new_context(
            locale=look.language,
            color_scheme=look.scheme,
            reduced_motion="reduce",
            java_script_enabled=look.has_scripts,
            viewport={"width": look.width, "height": 900},
        )
        context.set_default_timeout(SECONDS * 1000)
        name = settings.SESSION_COOKIE_NAME
        await context.add_cookies([{"name": name, "value": self._session, "url": self.http_url}])
        for choice in look.chosen:
            await context.add_init_script(f"localStorage.setItem(...{json.dumps(choice)})")
        return context


def session_of(user: Any) -> str:
    """Log somebody in; returns the value of the session's cookie."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@asynccontextmanager
async def admin_browser(browser: str, http_url: str, session: str) -> AsyncIterator[AdminBrowser]:
    """Run a browser, in which the session's user is logged in."""
    async with chromium(browser) as program:
        yield AdminBrowser(program, http_url, session)
