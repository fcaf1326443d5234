"""Rows that a mass write returned, kept until they are recorded.

While a database still sends rows its connection can do nothing else, so they have to be taken off
it before the first entry is written; and a million of them must not be held in memory.
"""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any, Final

Row = Sequence[Any]

CHUNK: Final = 2000
"""Rows kept in memory; more are written to a temporary file, this many at a time."""


class Spool:
    """Take rows once, give them back in the same order, once."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._count = 0
        self._newest: list[Row] = []
        self._file: IO[bytes] | None = None
        self.extend(rows)

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return self._count > 0

    def __iter__(self) -> Iterator[Row]:
        if self._file is not None:
            yield from _rows_of(self._file)
            self._file = None
        yield from self._newest

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows, read off their source `CHUNK` at a time."""
        source = iter(rows)
        while chunk := list(islice(source, CHUNK)):
            self._count += len(chunk)
            if self._newest:
                self._write_out()
            self._newest = chunk

    def _write_out(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="sync-spool-")  # noqa: SIM115  # kept open
            weakref.finalize(self, self._file.close)
        pickle.dump(self._newest, self._file, pickle.HIGHEST_PROTOCOL)


def _rows_of(file: IO[bytes]) -> Iterator[Row]:
    """Read back what this process has written: nobody else can reach a file without a name."""
    with file:
        end = file.tell()
        file.seek(0)
        while file.tell() < end:
            yield from pickle.load(file)
