"""Where a statement comes from, read off the stack; only asked for writes that nobody records."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import django
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.migrations.migration import Migration

_FLUSH: Final = BaseDatabaseOperations.execute_sql_flush.__code__
_MIGRATION: Final = Migration.apply.__code__

_OURS: Final = tuple(str(Path(file).parent) + os.sep for file in (django.__file__, __file__))
_INSTALLED: Final = (
    "<frozen",
    *(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib")),
)


class Origin(NamedTuple):
    """What the stack says of a statement."""

    caller: str
    """The line that wrote, as `path:line in function`, or the migration."""
    migrates: bool
    """Whether a migration is being applied."""
    flushes: bool
    """Whether Django empties the whole database, the log with it."""


def origin() -> Origin:
    """Return where the statement that is being executed comes from."""
    frames = list(_frames(sys._getframe(1)))
    codes = [frame.f_code for frame in frames]
    if _MIGRATION in codes:
        at = codes.index(_MIGRATION)
        caller = _caller(frames[:at]) or f"migration {frames[at].f_locals['self']}"
        return Origin(caller, migrates=True, flushes=False)
    return Origin(_caller(frames) or "an unknown place", False, _FLUSH in codes)


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _caller(frames: list[FrameType]) -> str:
    """Name the innermost line of the project; of an installed package where the project has none.

    What lies between is what wraps cursors (drivers, tracing, debug tool bars) or runs the project.
    """
    others = [f for f in frames if not f.f_code.co_filename.startswith(_OURS)]
    own = (f for f in others if not f.f_code.co_filename.startswith(_INSTALLED))
    frame = next(own, None) or next(iter(others), None)
    if frame is None:
        return ""
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
