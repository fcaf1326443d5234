"""The pictures of the documentation: `make screenshots`.

Starts a hub on a database of its own, and writes each page of the history as it is in the light and
in the dark.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any, Final

NAMES: Final = {"changelist": "feed", "change": "entry"}
"""Pictures that are not called as their pages' URL names end."""

LISTS: Final = {"connections": "/admin/realtime/presence/"}
"""Lists of the admin that belong to the history."""

CONTENT: Final = "#content-main"
"""What every list of the admin has."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="(docs/images)")
    parser.add_argument("--browser", default="", help="path of the browser (the one that is found)")
    parser.add_argument("pages", nargs="*", help="the ends of their URL names (all)")
    return parser.parse_args()


def prepare() -> None:
    """Have Django use a database of this run's own, whatever the environment offers."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.pop("TEST_DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


async def take(browser: str, hub: Any, session: str, paths: dict[str, str], folder: Path) -> None:
    from tests.support.watched_page import OURS, Look, admin_browser

    async with admin_browser(browser, hub.http_url, session) as admin:
        for scheme in ("light", "dark"):
            for name, path in paths.items():
                async with admin.page(Look(scheme=scheme)) as page:
                    await page.open(path, CONTENT if name in LISTS else OURS)
                    await page.page.wait_for_load_state("networkidle")
                    file = folder / f"history-{NAMES.get(name, name)}-{scheme}.png"
                    await page.page.screenshot(path=file)
                    print(file, flush=True)


def main() -> None:
    given = arguments()
    prepare()
    from tests.screenshots.planner import work_with_the_planner
    from tests.support.history_pages import COMPONENTS, page_names, path_of
    from tests.support.hub import Hub
    from tests.support.require import program
    from tests.support.watched_page import session_of

    user, story = work_with_the_planner()
    names = given.pages or [*(name for name in page_names() if name != COMPONENTS), *LISTS]
    paths = {name: LISTS.get(name) or path_of(name, story) for name in names}
    given.folder.mkdir(parents=True, exist_ok=True)
    browser = given.browser or program("browser")
    if not browser:
        raise SystemExit("No browser on this machine: name one with --browser.")
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder) / "hub.log") as hub:
        asyncio.run(take(browser, hub, session_of(user), paths, given.folder))


if __name__ == "__main__":
    main()
