"""Ends the servers of a test run when the run ends, however it ends.

A fixture's teardown and `atexit` do not run when the test process is killed. The guardian is a
child process that waits for the end of a pipe whose other end only the test process holds: the
kernel closes it in every case, and then the guardian ends what is still running and removes the
temporary directories.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

GRACE_SECONDS = 10


class Guardian:
    """The test process's handle on its guardian."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        # A session of its own: Ctrl-C in the terminal must reach pytest, not the guardian.
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, start_new_session=True
        )
        atexit.register(self.close)

    def watch(self, child: subprocess.Popen[bytes], stop: signal.Signals = signal.SIGKILL) -> None:
        """Send `stop` to the child when this run ends, unless it is forgotten before."""
        self._children[child.pid] = child
        self._tell(f"watch {child.pid} {int(stop)}")

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """Drop a child that has ended, so that its id can never hit a later process."""
        if self._children.pop(child.pid, None):
            self._tell(f"forget {child.pid}")

    def remove_at_end(self, directory: Path) -> None:
        """Remove the directory once every watched child is gone."""
        self._tell(f"remove {directory}")

    def close(self) -> None:
        """End everything now; returns when the guardian has finished."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        # The children are this process's to reap: until then the guardian sees them as alive.
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
        self._process.wait(2 * GRACE_SECONDS)

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        stdin.write(line.encode() + b"\n")
        stdin.flush()


@cache
def guardian() -> Guardian:
    """Return the one guardian of this process, started on first use."""
    return Guardian()


def keep_watch() -> None:
    """Be the guardian: collect orders until the pipe closes, then carry them out."""
    children: dict[int, int] = {}
    directories: list[str] = []
    for line in sys.stdin:
        order, _, rest = line.rstrip("\n").partition(" ")
        if order == "watch":
            pid, stop = rest.split()
            children[int(pid)] = int(stop)
        elif order == "forget":
            children.pop(int(rest), None)
        elif order == "remove":
            directories.append(rest)
    end(children)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def end(children: dict[int, int]) -> None:
    """Stop the children as they asked; kill those that outlive the grace time."""
    for pid, stop in children.items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, stop)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in filter(is_alive, children):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Say whether the process still runs; a zombie that nobody reaps does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return True


if __name__ == "__main__":
    keep_watch()
