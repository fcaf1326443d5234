"""Cutting what was read of the log into what connections can take at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from sync.cursor import Position
from sync.filling import OVERHEAD
from sync.models import SyncLog
from sync.reading import Tail

PORTION_BYTES: Final = 256 * 1024
"""Bytes of changes, about, that are handed to connections before the server may write them: half of
what one may have unsent (`MAX_UNSENT_BYTES`), so that one that reads does not fall behind by it."""


def portions(read: Tail) -> Iterator[Tail]:
    """Yield what was read in portions, of which the last one stands at its end."""
    entries: list[SyncLog] = []
    size = 0
    for entry in read.entries:
        entries.append(entry)
        size += len(entry.data) + OVERHEAD
        if size > PORTION_BYTES:
            yield Tail(entries, Position.of_entry(read.position.epoch, entry), read.end)
            entries, size = [], 0
    yield dataclasses.replace(read, entries=entries)
