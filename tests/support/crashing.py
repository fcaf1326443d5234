"""An app that kills its process, as the kernel would, at a chosen statement to the database.

It crashes once: when a file is there, which it removes first, and only right after a statement
that matches has been executed and before its transaction goes on, unless that ended with it.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

STATEMENT, TRIGGER = "HUB_TEST_CRASH_AFTER", "HUB_TEST_CRASH_IF"

NUMBERED = r"UPDATE sync_log SET seq"
HEAD_MOVED = r'^UPDATE "sync_log_head" SET "seq"'
BEFORE_FAN_OUT = r"FROM sync_log WHERE seq >= .* ORDER BY seq"


def crashes_after(statement: str, trigger: Path) -> dict[str, str]:
    """Return the environment of a process that is to crash; `trigger` is the file."""
    return {STATEMENT: statement, TRIGGER: str(trigger)}


class CrashingConfig(AppConfig):
    name = "tests.support.crashing"
    label = "crashing"

    def ready(self) -> None:
        connection_created.connect(_watch, dispatch_uid="crashing")


def _watch(sender: Any, connection: Any, **kwargs: Any) -> None:
    if _crash_after not in connection.execute_wrappers:
        connection.execute_wrappers.append(_crash_after)


def _crash_after(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    result = execute(sql, *rest)
    if re.search(os.environ[STATEMENT], sql) and Path(os.environ[TRIGGER]).exists():
        Path(os.environ[TRIGGER]).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return result
