"""Programs that only some machines have: a test that needs one is skipped without it.

`HUB_REQUIRE=browser,node,mariadb` turns the skip into a failure, for a machine that is meant to
have them; without MariaDB's server `make test` leaves a whole run out.
"""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

PROGRAMS: Final = {
    "browser": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "node": ("node",),
}


def require(need: str) -> str:
    """Return the program's path; else skip the test, or fail it where `HUB_REQUIRE` names it."""
    if path := program(need):
        return path
    lacking(need, f"no {need} on this machine (looked for {', '.join(PROGRAMS[need])})")


def program(need: str) -> str | None:
    """Return the program's path, or None where this machine has none."""
    return next(filter(None, map(shutil.which, PROGRAMS[need])), None)


def lacking(need: str, message: str) -> NoReturn:
    """Skip the test for want of something, or fail it where `HUB_REQUIRE` names that."""
    pytest.fail(message) if demanded(need) else pytest.skip(message)


def demanded(need: str) -> bool:
    """Say whether `HUB_REQUIRE` names something."""
    return need in os.environ.get("HUB_REQUIRE", "").split(",")
