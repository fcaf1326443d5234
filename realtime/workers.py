"""A worker of `hub_serve`: one ordinary Daphne process, started on a queue and watched."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from realtime.tether import DESCRIPTOR_VARIABLE, READY

FIRST_DESCRIPTOR: Final = 3
"""Where a process finds the sockets that it was started with, by systemd's convention. Twisted
knows it, and has no other way to be given sockets that are not of IPv4."""

DESCRIPTOR_NAME: Final = "hub"

TETHER_DESCRIPTOR: Final = 4
ABOVE: Final = 10
"""Descriptors from here on are not overwritten by those that a worker is given."""

FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def daphne(domain: str, application: str, options: Sequence[str] = ()) -> list[str]:
    """Return the command of a worker on a socket of an address family; `options` are Daphne's."""
    endpoint = f"systemd:domain={domain}:name={DESCRIPTOR_NAME}"
    return [sys.executable, "-m", "daphne", "-e", endpoint, *options, application]


class Worker:
    """A Daphne process from its start to its end."""

    def __init__(
        self, queue: socket.socket, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.started_at = time.monotonic()
        self.ended: asyncio.Future[int] = loop.create_future()
        """How it ended: an exit code, or the signal that killed it as a negative number."""
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._tether, theirs = socket.socketpair()
        with theirs:
            self.pid = _start(queue.fileno(), theirs.fileno(), command, environment)
        self._tether.setblocking(False)
        loop.add_reader(self._tether, self._hear)

    @property
    def is_serving(self) -> bool:
        """Whether it listens and has not ended."""
        return self._ready.done() and self._ready.result() and not self.ended.done()

    async def starts(self, seconds: float) -> bool:
        """Return whether it listens within the time; one that does not is killed."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.ended
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if not self.ended.done():
            os.kill(self.pid, number)

    def reap(self) -> None:
        """Note that it has ended, if it has."""
        if self.ended.done():
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.ended.set_result(os.waitstatus_to_exitcode(status))
            self._let_go()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            said = self._tether.recv(len(READY))
            if not said:
                asyncio.get_running_loop().remove_reader(self._tether)
            elif not self._ready.done():
                self._ready.set_result(True)

    def _let_go(self) -> None:
        asyncio.get_running_loop().remove_reader(self._tether)
        self._tether.close()
        if not self._ready.done():
            self._ready.set_result(False)


def _start(queue: int, tether: int, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start the command; not by `subprocess`, for its environment has to name its own process id.

    Until the new process has forgotten the handlers of this one, a signal would be lost on it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        if pid := os.fork():
            return pid
        _become(queue, tether, command, environment)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become(
    queue: int, tether: int, command: Sequence[str], environment: Mapping[str, str]
) -> NoReturn:
    """Replace this process; it never returns into the code of its parent."""
    try:
        os.setsid()  # else Ctrl-C in a terminal would reach it beside what its parent forwards
        for number in (*FORWARDED, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        moved = [fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, ABOVE) for given in (queue, tether)]
        os.dup2(moved[0], FIRST_DESCRIPTOR)
        os.dup2(moved[1], TETHER_DESCRIPTOR)
        own = {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": "1",
            "LISTEN_FDNAMES": DESCRIPTOR_NAME,
            DESCRIPTOR_VARIABLE: str(TETHER_DESCRIPTOR),
        }
        os.execve(command[0], list(command), {**environment, **own})
    except BaseException as error:
        os.write(2, f"{command[0]} cannot be started: {error}\n".encode())
    finally:
        os._exit(127)
