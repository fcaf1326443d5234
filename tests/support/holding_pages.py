"""A server process whose reading of pages stops while a file is there, and says how many do.

An app for a hub that is to be caught in the middle of reading: the file is the gate, which a test
closes and opens; each reading that has begun leaves a file beside it until it goes on.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

from django.apps import AppConfig

VARIABLE = "HUB_TEST_PAGES_GATE"
POLL_SECONDS = 0.01


class Gate:
    """The gate before the pages of a hub, open at first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.environment = {VARIABLE: str(folder)}

    def close(self) -> None:
        """Stop each page before it is read."""
        (self._folder / "closed").touch()

    def open(self) -> None:
        """Let all go on."""
        (self._folder / "closed").unlink()

    def held(self) -> int:
        """Return how many pages wait to be read."""
        return len(list(self._folder.glob("held-*")))

    def most_at_once(self) -> int:
        """Return how many pages were read at the same time, at most."""
        return max(int(file.name.removeprefix("most-")) for file in self._folder.glob("most-*"))


class HoldingConfig(AppConfig):
    name = "tests.support.holding_pages"
    label = "holding_pages"

    def ready(self) -> None:
        from realtime import sharing

        folder, read = Path(os.environ[VARIABLE]), sharing.changes_since

        def held(*args: Any, **kwargs: Any) -> Any:
            mark = folder / f"held-{uuid.uuid4()}"
            mark.touch()
            (folder / f"most-{len(list(folder.glob('held-*')))}").touch()
            try:
                while (folder / "closed").exists():
                    time.sleep(POLL_SECONDS)
                return read(*args, **kwargs)
            finally:
                mark.unlink()

        sharing.changes_since = held  # type: ignore[assignment]
