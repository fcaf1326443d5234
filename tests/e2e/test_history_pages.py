"""Every page of the history in a real browser: strict, for everybody, in any light, both ways."""

from __future__ import annotations

import pytest

from tests.support.history_pages import COMPONENTS, page_names
from tests.support.varied import varied
from tests.support.watched_page import Look

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.django_db(transaction=True),
]

LIGHT, DARK = Look(), Look(scheme="dark")
LOOKS = {
    "light": LIGHT,
    "dark, as the browser asks": DARK,
    "on a telephone": Look(width=360),
    "from right to left on a telephone": Look(language="ar", width=360),
}
CHOSEN = {
    "dark": Look(chosen=(("theme", "dark"),)),
    "light": Look(scheme="dark", chosen=(("theme", "light"),)),
}
NO_SCRIPTS = Look(has_scripts=False)

SETTINGS = {
    "ROOT_URLCONF": "tests.support.component_urls",
    "LANGUAGES": [("ar", "Arabic")],
}


@pytest.fixture(scope="module")
def hub_options():
    """Serve in a language from right to left, too, where a browser asks for it."""
    return varied(**SETTINGS)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_for_everybody(admin, paths, name, look):
    async with admin.page(look) as page:
        await page.open(paths[name])
        await page.fits()
        await page.is_accessible()


@pytest.mark.parametrize("look", CHOSEN.values(), ids=CHOSEN)
async def test_a_page_is_as_light_as_was_chosen_in_the_admin(admin, paths, look):
    async with admin.page(look) as page:
        await page.open(paths[COMPONENTS])
        await page.is_accessible()


async def test_a_page_is_read_from_right_to_left(admin, paths):
    async with admin.page(Look(language="ar")) as page:
        await page.open(paths[COMPONENTS])
        assert await page.page.locator("html").get_attribute("dir") == "rtl"
        await page.fits()


@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_used_by_keyboard(admin, paths, name):
    async with admin.page() as page:
        await page.open(paths[name])
        assert await page.is_walked_by_keyboard()


@pytest.mark.parametrize("name", page_names())
async def test_a_page_has_something_to_say_without_scripts(admin, paths, name):
    async with admin.page(NO_SCRIPTS) as page:
        await page.open(paths[name])
        text = await page.page.locator(".hub").inner_text()
        assert text.strip()
