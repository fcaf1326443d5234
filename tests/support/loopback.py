"""Ports on the loopback interface: find a free one, and wait for a server to answer on it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from subprocess import Popen
from typing import TypeVar

HOST = "127.0.0.1"
START_SECONDS = 60
POLL_SECONDS = 0.02

Answer = TypeVar("Answer")


class ServerFailed(RuntimeError):
    """A server ended or stayed silent instead of answering; carries its log."""


def free_port() -> int:
    """Return a port that is free now; another process may take it, so callers retry."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until_ready(
    name: str,
    process: Popen[bytes],
    ask: Callable[[], Answer | None],
    log_text: Callable[[], str],
) -> Answer:
    """Ask until the server answers; fail with its log as soon as it has ended instead."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = ask()
        if answer is not None:
            return answer
        if process.poll() is not None:
            raise ServerFailed(
                f"{name} ended with code {process.returncode} before it was ready:\n{log_text()}"
            )
        time.sleep(POLL_SECONDS)
    raise ServerFailed(f"{name} was not ready after {START_SECONDS} s:\n{log_text()}")
