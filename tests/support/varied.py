"""The settings of the tests for one hub that is to differ from the others.

A settings module for server processes: dictionaries given in `HUB_TEST_SETTINGS` are laid over
those of `tests.settings`, lists are appended, everything else is replaced.
"""

import json
import os
from typing import Any

VARIABLE = "HUB_TEST_SETTINGS"


def varied(environment: dict[str, str] | None = None, **settings: Any) -> dict[str, Any]:
    """Return the arguments with which `Hub` and `manage` use these settings over the usual ones."""
    given = {VARIABLE: json.dumps(settings)}
    return {"settings": __name__, "environment": given | (environment or {})}


def laid_over(usual: Any, given: Any) -> Any:
    """Return what a setting is when `given` is laid over its usual value."""
    return usual if given is None else usual | given if isinstance(usual, dict) else usual + given


if VARIABLE in os.environ:
    from tests import settings as usual_settings
    from tests.settings import *  # noqa: F403

    for name, value in json.loads(os.environ[VARIABLE]).items():
        usual = getattr(usual_settings, name, None)
        globals()[name] = laid_over(usual, value) if isinstance(usual, dict | list) else value
