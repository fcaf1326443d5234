"""A real server process that serves the hub on the test database: Daphne, or uvicorn where
`HUB_TEST_SERVER` says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.support.environment import ROOT, child_environment
from tests.support.guardian import guardian
from tests.support.loopback import HOST, ServerFailed, wait_until_ready

APPLICATION = "hubproject.asgi:application"
VARIABLE = "HUB_TEST_SERVER"
LISTENING = re.compile(
    rf"(?:Listening on TCP address |Uvicorn running on http://){re.escape(HOST)}:(\d+)"
)
LOGGED = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ ([\w.]+): ")
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
STOP_SECONDS = 30


class Ended(NamedTuple):
    """How a hub went: negative codes are the signal that killed it, as in `subprocess`."""

    code: int
    seconds: float


def server() -> str:
    """Return the name of the server that hubs run on."""
    name = os.environ.get(VARIABLE, "daphne")
    assert name in COMMANDS, f"{VARIABLE} is one of {', '.join(COMMANDS)}"
    return name


COMMANDS = {"daphne": ("-b", "-p"), "uvicorn": ("--host", "--port")}
"""The modules that serve, and how each takes its address and its port."""


class Hub:
    """One server process; it listens once `start` has returned, on the same port ever after."""

    listening = LISTENING

    def __init__(
        self,
        log: Path,
        *,
        application: str = APPLICATION,
        settings: str = "tests.settings",
        redis_url: str | None = None,
        port: int = 0,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.port = port
        self._command = [*arguments, application]
        self._environment = child_environment(
            settings=settings, redis_url=redis_url, extra=environment
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._tracebacks_expected_of: list[str] = []

    @property
    def http_url(self) -> str:
        """The address of the pages, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """The address of the hub's WebSocket endpoint."""
        return f"ws://{HOST}:{self.port}/ws/"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        return self._running().pid

    def start(self) -> Self:
        """Run the server; returns when it listens, and after a stop it listens on the same port."""
        assert self._process is None, "this hub runs already"
        with self.log.open("ab") as log:
            start = log.tell()
            self._process = subprocess.Popen(
                self._arguments(),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guardian().watch(self._process)
        try:
            self.port = wait_until_ready(
                server(), self._process, lambda: self._listening_port(start), self.log_text
            )
        except ServerFailed:
            self.kill()
            raise
        return self

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process and return at once."""
        self._running().send_signal(number)

    def wait(self) -> Ended:
        """Wait until the process has ended by itself or by a signal that was sent."""
        started = time.monotonic()
        process = self._running()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(
                f"The server did not end within {STOP_SECONDS} s:\n{self.log_text()}"
            ) from None
        self._forget()
        return Ended(code, time.monotonic() - started)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Ask the process to end; returns its exit code and the seconds it took."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End the process as a crash would; does nothing where none runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def is_running(self) -> bool:
        """Say whether the process lives; one that ended by itself does not."""
        return self._process is not None and self._process.poll() is None

    def log_text(self) -> str:
        """Return all that the process and its predecessors have written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def expect_traceback(self, logger: str = "") -> None:
        """Allow tracebacks, or only those of a logger and its children, in a test that provokes
        them."""
        self._tracebacks_expected_of.append(logger)

    def complaint(self) -> str:
        """Return the log where it holds a traceback nobody announced, else nothing."""
        text = self.log_text()
        expected = tuple(self._tracebacks_expected_of)
        if all(logger.startswith(expected) for logger in loggers_of_tracebacks(text)):
            return ""
        return f"The hub on port {self.port} logged a traceback:\n{text}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def _arguments(self) -> list[str]:
        host, port = COMMANDS[server()]
        serve = [sys.executable, "-m", server(), host, HOST, port, str(self.port)]
        return [*serve, *self._command]

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "this hub does not run"
        return self._process

    def _forget(self) -> None:
        process, self._process = self._running(), None
        guardian().forget(process)

    def _listening_port(self, start: int) -> int | None:
        with self.log.open("rb") as log:
            log.seek(start)
            found = self.listening.search(log.read().decode(errors="replace"))
        return int(found[1]) if found else None


def loggers_of_tracebacks(log: str) -> list[str]:
    """Return who logged each traceback; an empty name for one that was just printed."""
    found = []
    for traceback in re.finditer(r"^Traceback \(most recent call last\)", log, re.MULTILINE):
        before = log[: traceback.start()].rstrip("\n").rpartition("\n")[2]
        if not before.startswith(CHAINED):
            header = LOGGED.match(before)
            found.append(header[1] if header else "")
    return found
