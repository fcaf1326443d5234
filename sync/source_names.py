"""What the sources of changes are called in the language of whoever reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import pgettext_lazy

from sync.context import (
    ADMIN,
    BACKFILL,
    COMMAND,
    DATABASE,
    FIXTURE,
    REQUEST,
    SHELL,
    TASK,
    WEBSOCKET,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# In English each has the name that the log holds, which migrations compare and programs read.
SOURCE_NAMES: Final[dict[str, _StrPromise]] = {
    REQUEST: pgettext_lazy("source", "request"),
    ADMIN: pgettext_lazy("source", "admin"),
    WEBSOCKET: pgettext_lazy("source", "websocket"),
    COMMAND: pgettext_lazy("source", "command"),
    TASK: pgettext_lazy("source", "task"),
    SHELL: pgettext_lazy("source", "shell"),
    FIXTURE: pgettext_lazy("source", "fixture"),
    BACKFILL: pgettext_lazy("source", "backfill"),
    DATABASE: pgettext_lazy("source", "database"),
}
"""The choices of the log, in the order of `sync.context.SOURCES`."""
