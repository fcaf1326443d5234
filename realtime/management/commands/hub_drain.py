"""`manage.py hub_drain`: have server processes leave well, and wait until they have."""

from __future__ import annotations

import os
import select
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from realtime import pid_file
from realtime.conf import conf
from realtime.errors import CannotServe

LAST_WAIT: Final = 10.0
"""Seconds that a process may take to end once it was told to do so at once."""

POLL: Final = 0.05
"""Seconds between looks at processes, where the system does not tell of their end."""


class Command(BaseCommand):
    help = (
        "Have server processes accept nobody new, say goodbye to their clients over GOODBYE_TIME,"
        " and end; returns when they have ended. It is SIGTERM, and a wait."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pid", type=int, nargs="+", default=[], help="a hub_serve, or Daphne processes"
        )
        parser.add_argument("--pid-file", type=Path, help="the --pid-file of a hub_serve")
        parser.add_argument(
            "--timeout",
            type=float,
            metavar="SECONDS",
            help="when to send away at once who is still there (never)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            named = [pid_file.read(options["pid_file"])] if options["pid_file"] else []
            processes = [Process(pid) for pid in (*named, *options["pid"])]
        except CannotServe as error:
            raise CommandError(str(error)) from error
        if not processes:
            raise CommandError("Give --pid or --pid-file.")
        if not conf().GOODBYE_TIME:
            self.stderr.write(
                "GOODBYE_TIME is 0: unless they were told otherwise, they say it now."
            )
        self._tell(processes, signal.SIGTERM)
        if not _have_ended(processes, options["timeout"]):
            self._tell(processes, signal.SIGINT)
            if not _have_ended(processes, LAST_WAIT):
                left = ", ".join(str(one.pid) for one in processes if not one.has_ended(0))
                raise CommandError(f"Still there: {left}.")
        self.stderr.write("Drained.")

    def _tell(self, processes: list[Process], number: signal.Signals) -> None:
        for process in processes:
            process.signal(number)
            self.stderr.write(f"Sent {number.name} to process {process.pid}.")


class Process:
    """A process that is no child of this one; its id is not taken for that of a later one, where
    the system has means to tell."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            os.kill(pid, 0)
            self._handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        except OSError as error:
            raise CannotServe(f"Process {pid}: {error.strerror}.") from error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; does nothing to a process that has ended."""
        try:
            if self._handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            pass

    def has_ended(self, seconds: float | None) -> bool:
        """Wait for the end of the process for so long, or for ever; returns whether it came."""
        if self._handle is not None:
            return bool(select.select([self._handle], [], [], seconds)[0])
        ends = None if seconds is None else time.monotonic() + seconds
        while _is_alive(self.pid):
            if ends is not None and time.monotonic() >= ends:
                return False
            time.sleep(POLL)
        return True


def _have_ended(processes: list[Process], seconds: float | None) -> bool:
    ends = None if seconds is None else time.monotonic() + seconds
    left = [
        process
        for process in processes
        if not process.has_ended(None if ends is None else max(0.0, ends - time.monotonic()))
    ]
    return not left


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
