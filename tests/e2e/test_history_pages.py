"""Every page of the history in a real browser: strict, for everybody, in any light, both ways."""

from __future__ import annotations

import pytest
import pytest_asyncio
from django.contrib.auth.models import User
from django.test import TransactionTestCase

from tests.support.emptying import empty_quickly
from tests.support.history_pages import page_names, path_of
from tests.support.history_story import tell_story
from tests.support.hub import Hub
from tests.support.varied import varied
from tests.support.watched_page import Look, admin_browser, session_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.django_db]

LIGHT, DARK = Look(), Look(scheme="dark")
LOOKS = {
    "light": LIGHT,
    "dark, as the browser asks": DARK,
    "dark, as chosen in the admin": Look(theme="dark"),
    "light, as chosen in the admin": Look(scheme="dark", theme="light"),
    "on a telephone": Look(width=360),
    "from right to left": Look(language="ar"),
    "from right to left on a telephone": Look(language="ar", width=360),
}
NO_SCRIPTS = Look(has_scripts=False)

SETTINGS = {
    "ROOT_URLCONF": "tests.support.component_urls",
    "MIDDLEWARE": ["django.middleware.locale.LocaleMiddleware"],
}


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """The paths of the pages that show one story, and the session of who may see all of it."""
    with django_db_blocker.unblock():
        user = User.objects.create_superuser("grace")
        story = tell_story(user)
        yield {name: path_of(name, story) for name in page_names()}, session_of(user)
        empty_quickly(TransactionTestCase)


@pytest.fixture(scope="module")
def paths(told):
    return told[0]


@pytest.fixture(scope="module")
def standing_hub(told, tmp_path_factory):
    """A hub that serves all tests of this module, in the language that a browser asks for."""
    with Hub(tmp_path_factory.mktemp("hub") / "hub.log", **varied(**SETTINGS)) as hub:
        yield hub
    assert not hub.complaint(), hub.complaint()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(browser, standing_hub, told):
    async with admin_browser(browser, standing_hub.http_url, told[1]) as admin:
        yield admin


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_for_everybody(admin, paths, name, look):
    async with admin.page(look) as page:
        await page.open(paths[name])
        await page.fits()
        await page.is_accessible()


@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_read_from_right_to_left(admin, paths, name):
    async with admin.page(LOOKS["from right to left"]) as page:
        await page.open(paths[name])
        assert await page.page.locator("html").get_attribute("dir") == "rtl"


@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_used_by_keyboard(admin, paths, name):
    async with admin.page() as page:
        await page.open(paths[name])
        assert await page.is_walked_by_keyboard()


@pytest.mark.parametrize("name", page_names())
async def test_a_page_says_the_same_without_scripts(admin, paths, name):
    async with admin.page(NO_SCRIPTS) as page:
        await page.open(paths[name])
        text = await page.page.locator(".hub").inner_text()
        assert text.strip()
