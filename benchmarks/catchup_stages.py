"""Where the time of a catch-up goes: each step between the database and the frame by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from realtime.composing import composed
from sync import rows
from sync.cursor import Position
from sync.reading import changes_since

STATEMENT = "the statement, its rows as the driver gives them"
ROWS = "the texts of the rows, column by column"
PAGES = "asking for pages, and cutting them"
MESSAGES = "composing the messages"
FRAMES = "the frames, as bytes"
STAGES = (STATEMENT, ROWS, PAGES, MESSAGES, FRAMES)


class Clock:
    """The seconds of each step, of which each is a part of the one after it or follows it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def times(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            with self.times(stage):
                return function(*args)

        return timed


def stages(start: Position, end: Position, heard: frozenset[str], changes: int) -> dict[str, float]:
    """Read and compose all pages once; return the microseconds a change of each step."""
    clock = Clock()
    with (
        mock.patch.object(rows, "fetch", clock.around(STATEMENT, rows.fetch)),
        mock.patch.object(rows, "read", clock.around(ROWS, rows.read)),
    ):
        while True:
            with clock.times(PAGES):
                page = changes_since(start, heard, upto=end)
            with clock.times(MESSAGES):
                message = composed(page)
            with clock.times(FRAMES):
                assert message.frame().wire
            if not page.has_more:
                break
            start = page.position
    found = clock.seconds
    found[PAGES] -= found[ROWS]
    found[ROWS] -= found[STATEMENT]
    return {stage: seconds * 1e6 / changes for stage, seconds in found.items()}
