"""A server process on a core of its own: its start and end, its processor time, its memory."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.support.environment import ROOT
from tests.support.guardian import guardian
from tests.support.loopback import HOST, free_port, wait_until_ready

LOG_LINES: Final = 20
SETTLE_SECONDS: Final = 0.5

_CPUCLOCK_SCHED: Final = 2


def cores() -> tuple[int, int]:
    """Return the core of the server and the core of everything else; the same if there is one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def leave_the_servers_core() -> None:
    """Keep this process, and what it starts from here on, off the core of the server measured."""
    os.sched_setaffinity(0, {cores()[1]})


SERVER_CORE, OTHER_CORE = cores()


class Server:
    """One server process; `{port}` in its command is the port that was chosen for it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._environment = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment)
        self._log = Path(tempfile.mkstemp(prefix="hub-bench-", suffix=".log")[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        guardian().watch(self._process)
        wait_until_ready(self._command[0], self._process, self._listens, self.log_text)
        return self

    def __exit__(self, *exc: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            guardian().forget(process)
        self._log.unlink(missing_ok=True)

    def cpu_seconds(self) -> float:
        """Return the processor time of all its threads so far; to the nanosecond, where the ticks
        of /proc/PID/stat are as long as a short burst takes."""
        return time.clock_gettime(~self.pid << 3 | _CPUCLOCK_SCHED)

    def memory(self) -> int:
        """Return the bytes that are its own, and its share of those it shares (PSS)."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        assert found, rollup
        return int(found[1]) * 1024

    def log_text(self) -> str:
        """Return the last lines that it has written."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def _listens(self) -> bool | None:
        try:
            socket.create_connection(self.address, 1).close()
        except OSError:
            return None
        return True
