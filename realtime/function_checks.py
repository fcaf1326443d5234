"""System checks: functions of the host without which nobody gets in, or hears anything."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from realtime.conf import conf
from sync.conf import conf as sync_conf


@register("realtime")
def authenticate_can_be_called(**kwargs: Any) -> list[CheckMessage]:
    """Check that the function which knows the host's own tokens is there."""
    problem = _problem(conf().AUTHENTICATE)
    if problem is None:
        return []
    return [
        Error(
            f"REALTIME['AUTHENTICATE'] names no function: {problem}.",
            hint="Name a function authenticate(token, scope) that returns a user or None.",
            id="realtime.E013",
        )
    ]


@register("realtime")
def audiences_can_be_called(**kwargs: Any) -> list[CheckMessage]:
    """Check that the function which says who hears what is there."""
    problem = _problem(sync_conf().AUDIENCES)
    if problem is None:
        return []
    return [
        Error(
            f"SYNC['AUDIENCES'] names no function: {problem}. Nobody is let in.",
            hint="Name a function audiences_for(user) that returns names of audiences.",
            id="realtime.E014",
        )
    ]


def _problem(path: str) -> str | None:
    """Return why a dotted path leads to no function; None where it does, or is not set."""
    try:
        return None if not path or callable(import_string(path)) else f"{path!r} cannot be called"
    except ImportError as error:
        return str(error)
