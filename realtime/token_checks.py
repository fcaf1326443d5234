"""System check: the host's own tokens could let nobody in."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from realtime.conf import conf


@register("realtime")
def authenticate_can_be_called(**kwargs: Any) -> list[CheckMessage]:
    """Check that the function which knows the host's own tokens is there."""
    path = conf().AUTHENTICATE
    if not path:
        return []
    try:
        problem = None if callable(import_string(path)) else f"{path!r} cannot be called"
    except ImportError as error:
        problem = str(error)
    if problem is None:
        return []
    return [
        Error(
            f"REALTIME['AUTHENTICATE'] names no function: {problem}.",
            hint="Name a function authenticate(token, scope) that returns a user or None.",
            id="realtime.E013",
        )
    ]
