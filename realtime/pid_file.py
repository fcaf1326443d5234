"""The file that says which process `hub_serve` is: locked while that lives, so that what a crash
leaves behind is not believed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from realtime.errors import CannotServe


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Write this process's id, and remove the file at the end; raises `CannotServe` where another
    process holds it."""
    try:
        file = path.open("a+")
    except OSError as error:
        raise CannotServe(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(f"{path} belongs to a hub_serve that runs.") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def read(path: Path) -> int:
    """Return the id of the process that holds the file; raises `CannotServe` where none does."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(path.read_text())
    except OSError as error:
        raise CannotServe(f"{path} cannot be read: {error.strerror}.") from error
    raise CannotServe(f"{path} is left over: no hub_serve holds it.")
