"""A real `hub_serve` with its workers, on the test database."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from tests.support.environment import ROOT
from tests.support.hub import Hub
from tests.support.loopback import HOST
from tests.support.off_loop import eventually

WORKER = re.compile(r"Worker (\d+) listens\.")
RESTART_SECONDS = 120
APPLICATION = "hubproject.asgi.application"


class Service(Hub):
    """Used as a `Hub` is: its process is `hub_serve`, and clients reach one of the workers."""

    listening = re.compile(rf"Serving on http://{re.escape(HOST)}:(\d+) with")

    def __init__(self, log: Path, *, workers: int = 2, **options: Any) -> None:
        super().__init__(log, **{"application": APPLICATION} | options)
        self._workers = workers

    @property
    def workers(self) -> list[int]:
        """The ids of all processes that have listened so far, in the order of their starts."""
        return [int(pid) for pid in WORKER.findall(self.log_text())]

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until the log has a text so often."""
        await eventually(lambda: self.log_text().count(text) >= times, seconds=RESTART_SECONDS)

    def _arguments(self) -> list[str]:
        *options, application = self._command
        manage = [sys.executable, str(ROOT / "manage.py"), "hub_serve", "--skip-checks"]
        given = ["--workers", str(self._workers), "--bind", HOST, "--port", str(self.port)]
        return [*manage, *given, "--application", application, *options]
