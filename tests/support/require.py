"""Programs that only some machines have: a test that needs one is skipped without it.

`HUB_REQUIRE=browser,node` turns the skip into a failure, for a machine that is meant to have them.
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
    for name in PROGRAMS[need]:
        if path := shutil.which(name):
            return path
    lacking(need, f"no {need} on this machine (looked for {', '.join(PROGRAMS[need])})")


def lacking(need: str, message: str) -> NoReturn:
    """Skip the test for want of something, or fail it where `HUB_REQUIRE` names that."""
    demanded = os.environ.get("HUB_REQUIRE", "").split(",")
    pytest.fail(message) if need in demanded else pytest.skip(message)
