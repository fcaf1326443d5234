"""The watch over the pages of the history is not blind: what it is for is found on a bad page."""

from __future__ import annotations

import pytest
import pytest_asyncio

from hubproject.content_security import POLICY
from tests.support.watched_page import Look, admin_browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "http://history.localhost"
GOOD = "<main class=hub><p>Text</p><a href='/'>A link</a><script src=/script.js></script></main>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browsing(browser):
    async with admin_browser(browser, URL, "nobody's") as browsing:
        yield browsing


@pytest.fixture
async def serve(browsing):
    """Return what puts a page, and a script beside it, before a browser."""

    async def serve(watched, body, script="", policy=POLICY):
        page = f"<!doctype html><html lang=en><title>A page</title><body>{body}"

        async def answer(route):
            if route.request.url.endswith("/"):
                headers = {"Content-Security-Policy": policy, "Content-Type": "text/html"}
                await route.fulfill(body=page, headers=headers)
            elif route.request.url.endswith("/script.js"):
                await route.fulfill(body=script, content_type="text/javascript")
            else:
                await route.fulfill(status=404)

        await watched.page.route("**/*", answer)
        await watched.open("/")

    return serve


async def test_a_good_page_has_no_fault(browsing, serve):
    async with browsing.page() as watched:
        await serve(watched, GOOD)
        await watched.fits()
        await watched.is_accessible()
        assert len(await watched.is_walked_by_keyboard()) == 1


@pytest.mark.parametrize(
    ("body", "script", "complaint"),
    [
        ("<p style='color: red'>", "", "style"),
        ("<script>document.title = 'run'</script>", "", "script"),
        ("<img src=https://example.org/a.png alt=A>", "", "example.org"),
        ("<img src=/lost.png alt=Lost>", "", "lost.png"),
        ("", "throw new Error('of the script')", "of the script"),
        ("", "console.error('not good')", "not good"),
        ("", "fetch('/refused')", "404"),
    ],
)
async def test_what_goes_wrong_on_a_page_is_complained_of(browsing, serve, body, script, complaint):
    with pytest.raises(AssertionError, match=complaint):
        async with browsing.page() as watched:
            await serve(watched, GOOD + body, script)
            await watched.page.wait_for_load_state("networkidle")


async def test_a_policy_is_broken_without_scripts_too(browsing, serve):
    with pytest.raises(AssertionError, match="style"):
        async with browsing.page(Look(has_scripts=False)) as watched:
            await serve(watched, GOOD + "<p style='color: red'>")
            await watched.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<main class=hub><img src=data:,></main>", "image-alt"),
        ("<main class=hub><font color=#ddd>Text</font></main>", "color-contrast"),
        ("<main class=hub><p>Text<h2></h2></main>", "empty-heading"),
    ],
)
async def test_what_is_not_for_everybody_is_found(browsing, serve, body, fault):
    async with browsing.page() as watched:
        await serve(watched, body)
        with pytest.raises(AssertionError, match=fault):
            await watched.is_accessible()


async def test_a_page_that_is_too_wide_is_found(browsing, serve):
    async with browsing.page() as watched:
        await serve(watched, f"<main class=hub><p>{'wide' * 1000}</main>")
        with pytest.raises(AssertionError, match="too wide"):
            await watched.fits()


@pytest.mark.parametrize(
    "script",
    [
        "document.querySelector('a').addEventListener('focus', event => event.target.blur())",
        "document.querySelector('a').addEventListener('focus',"
        " event => { event.target.style.outline = 'none' })",
    ],
    ids=["not reached", "not seen"],
)
async def test_what_the_keyboard_does_not_reach_is_found(browsing, serve, script):
    async with browsing.page() as watched:
        await serve(watched, GOOD, script)
        with pytest.raises(AssertionError):
            await watched.is_walked_by_keyboard()
