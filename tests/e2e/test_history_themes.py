"""The pages of the history as a guest of the admin themes that people use."""

from __future__ import annotations

import pytest

from tests.support.history_pages import page_names
from tests.support.themed import THEMES, themed
from tests.support.watched_page import Look

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.django_db(transaction=True),
]

DARK = (("adminTheme", '"dark"'), ("jazzmin-theme-mode", "dark"))
LOOKS = {"light": Look(), "dark": Look(chosen=DARK)}


@pytest.fixture(scope="module", params=THEMES)
def hub_options(request):
    return themed(request.param)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("name", page_names())
async def test_a_page_is_at_home_in_a_theme(admin, paths, name, look):
    async with admin.page(look) as page:
        await page.open(paths[name])
        await page.fits()
        await page.is_accessible()
