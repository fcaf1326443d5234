"""Who changes things, from where and why: one `ContextVar`, read when a change is recorded."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

REQUEST: Final = "request"
ADMIN: Final = "admin"
WEBSOCKET: Final = "websocket"
COMMAND: Final = "command"
TASK: Final = "task"
SHELL: Final = "shell"
FIXTURE: Final = "fixture"
BACKFILL: Final = "backfill"
DATABASE: Final = "database"
"""Written by another program: recorded by a trigger that was told nothing."""
SOURCES: Final = (REQUEST, ADMIN, WEBSOCKET, COMMAND, TASK, SHELL, FIXTURE, BACKFILL, DATABASE)

MAX_TEXT_LENGTH: Final = 255
MAX_ID_LENGTH: Final = 64
"""Longer texts are cut, for a save must not fail over what explains it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What is known of the origin of changes; a nested context inherits what it does not say."""

    actor: Any = None
    source: str = ""
    client_id: str = ""
    request_id: str = ""
    reason: str = ""
    request: HttpRequest | None = None

    def who(self) -> tuple[str, str]:
        """Return the actor's id and label; the request's user is read now, not at its start,
        because DRF and JWT authenticate inside the view.

        What finding the user writes itself is nobody's yet: it would ask for ever.
        """
        if _is_finding.get():
            return "", ""
        token = _is_finding.set(True)
        try:
            return self._found()
        finally:
            _is_finding.reset(token)

    def _found(self) -> tuple[str, str]:
        actor = self.actor if self.actor is not None else getattr(self.request, "user", None)
        if actor is None:
            return "", ""
        if isinstance(actor, str):
            return "", _cut(actor, MAX_TEXT_LENGTH)
        if getattr(actor, "is_anonymous", False) or getattr(actor, "pk", None) is None:
            return "", ""
        return str(actor.pk), _label(actor)

    def where(self) -> str:
        """Return the source: as said, else as seen from the request or the process."""
        if self.source:
            return self.source
        if self.request is None:
            return _process_source()
        match = self.request.resolver_match
        return ADMIN if match is not None and "admin" in match.app_names else REQUEST


_is_finding: ContextVar[bool] = ContextVar("sync_is_finding", default=False)

_current: ContextVar[Context] = ContextVar("sync_context", default=Context())  # noqa: B039

current: Final = _current.get


@contextmanager
def context(
    *,
    actor: AbstractBaseUser | str | None = None,
    source: str = "",
    client_id: str = "",
    request_id: str = "",
    reason: str = "",
) -> Iterator[None]:
    """Explain the changes made inside: who, from where, for which client and why.

    Nests; what is left out is inherited. `actor` is a user, or a label where there is no user.
    Raises `ValueError` for a source that is not one of `SOURCES`.
    """
    if source and source not in SOURCES:
        raise ValueError(f"source {source!r} is not one of: {', '.join(SOURCES)}.")
    said: dict[str, Any] = {
        "actor": actor,
        "source": source,
        "client_id": _cut(client_id, MAX_ID_LENGTH),
        "request_id": _cut(request_id, MAX_ID_LENGTH),
        "reason": _cut(reason, MAX_TEXT_LENGTH),
    }
    with entered(dataclasses.replace(current(), **{k: v for k, v in said.items() if v})):
        yield


@contextmanager
def entered(new: Context) -> Iterator[None]:
    """Make a context the current one of this task or thread, and put the old one back."""
    token = _current.set(new)
    try:
        yield
    finally:
        _current.reset(token)


def _label(actor: Any) -> str:
    get_username = getattr(actor, "get_username", None)
    return _cut(str(get_username() if get_username else actor), MAX_TEXT_LENGTH)


def _cut(text: str, length: int) -> str:
    """Return what every database stores of a text: PostgreSQL refuses NUL."""
    return text.replace("\x00", "")[:length]


@functools.cache
def _process_source() -> str:
    """Name what this process is: argv tells a command from a shell, anything else is a task."""
    program = Path(*sys.argv[:1])
    is_django = program.name in {"manage.py", "django-admin"} or program.match("django/__main__.py")
    if not is_django or len(sys.argv) < 2:
        return SHELL if hasattr(sys, "ps1") else TASK
    if sys.argv[1] in {"shell", "shell_plus", "dbshell"}:
        return SHELL
    return FIXTURE if sys.argv[1] == "loaddata" else COMMAND
