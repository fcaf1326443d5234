"""The settings of the tests with the admin in another theme, as the theme's manual says.

A settings module for server processes, which `HUB_TEST_THEME` names the theme for. Both themes run
scripts and styles of the page's own, so a host that has one can have no strict policy.
"""

from __future__ import annotations

import os
from typing import Any, Final

VARIABLE: Final = "HUB_TEST_THEME"
THEMES: Final = ("unfold", "jazzmin")
POLICY: Final = "hubproject.content_security.ContentSecurityMiddleware"


def themed(theme: str) -> dict[str, Any]:
    """Return the arguments with which `Hub` has the admin in a theme."""
    return {"settings": __name__, "environment": {VARIABLE: theme}}


if VARIABLE in os.environ:
    from tests import settings as usual
    from tests.settings import *  # noqa: F403

    INSTALLED_APPS = [os.environ[VARIABLE], *usual.INSTALLED_APPS]
    MIDDLEWARE = [name for name in usual.MIDDLEWARE if name != POLICY]
    ROOT_URLCONF = "tests.support.component_urls"
    # The theme's own default loads a font from another host.
    JAZZMIN_SETTINGS = {"use_google_fonts_cdn": False}
