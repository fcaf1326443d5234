"""`manage.py hub_serve`: any number of Daphne processes on one port, kept running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from channels.layers import channel_layers
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime import pid_file, queues
from realtime.checks import IN_MEMORY
from realtime.conf import conf
from realtime.daphne import KNOWN_VERSIONS
from realtime.draining import GOODBYE_TIME_VARIABLE
from realtime.errors import CannotServe
from realtime.supervising import KILL_AFTER, Supervisor
from realtime.workers import daphne

HOST: Final = "127.0.0.1"
PORT: Final = 8000
CANNOT_SERVE: Final = 3
"""The exit code where the workers cannot be started, apart from that of a wrong option."""

DESCRIPTION = """
Serve the project with several Daphne processes on one port, and keep them running.

SIGTERM has every worker accept nobody new, say goodbye to its clients over the goodbye time, and
end. SIGINT (Ctrl-C) does the same at once. SIGHUP restarts the workers one after the other: a new
one starts, and when it listens the old one leaves. A worker that dies is started again. Exit codes:
0 after SIGTERM and SIGINT, 1 for options that cannot be, 3 where workers cannot be started.
"""


class Command(BaseCommand):
    help = DESCRIPTION.strip()

    def add_arguments(self, parser: ArgumentParser) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        parser.add_argument(
            "--workers", type=int, default=cores or 1, help="Daphne processes (one for each core)"
        )
        parser.add_argument("--bind", help=f"the address to listen on ({HOST})")
        parser.add_argument("--port", type=int, help=f"the port to listen on ({PORT}); 0: any")
        parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket instead")
        parser.add_argument(
            "--fd", type=int, help="listen on an inherited descriptor instead, of a socket"
        )
        parser.add_argument(
            "--application",
            default=getattr(settings, "ASGI_APPLICATION", None),
            help="dotted path of the ASGI application (the ASGI_APPLICATION setting)",
        )
        parser.add_argument(
            "--goodbye-time",
            type=float,
            metavar="SECONDS",
            help="over how long a worker says goodbye to its clients (REALTIME's GOODBYE_TIME)",
        )
        parser.add_argument("--pid-file", type=Path, help="where to write the process id")
        parser.add_argument(
            "options", nargs="*", metavar="OPTION", help="after --, options for each Daphne"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["workers"] < 1:
            raise CommandError("--workers has to be at least 1.")
        if not options["application"]:
            raise CommandError("Set ASGI_APPLICATION, or give --application.")
        _check_daphne()
        self._warn_of_layer(options["workers"])
        given = options["pid_file"]
        try:
            with (
                pid_file.held(given) if given else contextlib.nullcontext(),
                _listening(options) as (shown, opened),
            ):
                asyncio.run(self._serve(shown, opened, options))
        except CannotServe as error:
            raise CommandError(str(error), returncode=CANNOT_SERVE) from error

    async def _serve(
        self, shown: str, opened: Sequence[queues.Queue], options: dict[str, Any]
    ) -> None:
        application = _as_daphne_names_it(options["application"])
        supervisor = Supervisor(
            daphne(opened[0].domain, application, options["options"]),
            opened,
            say=self._say,
            environment=_environment(options["goodbye_time"]),
            patience=_patience(options["goodbye_time"]),
        )
        await supervisor.run(lambda: self._say(f"Serving on {shown} with {len(opened)} workers."))
        self._say("Stopped.")

    def _say(self, text: str) -> None:
        self.stderr.write(f"hub_serve: {text}", self.style.NOTICE)
        self.stderr.flush()

    def _warn_of_layer(self, workers: int) -> None:
        layer = channel_layers.configs.get(conf().CHANNEL_LAYER, {})
        if workers > 1 and layer.get("BACKEND", IN_MEMORY) == IN_MEMORY:
            self._say(
                "The channel layer does not connect the workers: changes made in one reach clients"
                " of another by the tick, and broadcast() only the own ones."
            )


def _check_daphne() -> None:
    """Refuse a Daphne whose inside is not known: its workers could not say that they listen."""
    try:
        found = version("daphne")
    except PackageNotFoundError:
        raise CommandError("Daphne is not installed.") from None
    if not found.startswith(KNOWN_VERSIONS):
        raise CommandError(f"Daphne {found} is not known to hub_serve: start it by itself.")


@contextlib.contextmanager
def _listening(options: dict[str, Any]) -> Any:
    """Open the queues; yields how to show where, and one queue for each worker."""
    workers, path, descriptor = options["workers"], options["unix"], options["fd"]
    on_port = options["bind"] is not None or options["port"] is not None
    if sum((path is not None, descriptor is not None, on_port)) > 1:
        raise CommandError("Give one of --unix, --fd, and --bind with --port.")
    if path is not None:
        opened = queues.on_path(path, workers)
        try:
            yield path, opened
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    elif descriptor is not None:
        yield f"descriptor {descriptor}", queues.inherited(descriptor, workers)
    else:
        port = PORT if options["port"] is None else options["port"]
        opened = queues.on_port(options["bind"] or HOST, port, workers)
        yield f"http://{_authority(opened[0])}", opened


def _authority(queue: queues.Queue) -> str:
    host, port = queue.open().getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _as_daphne_names_it(application: str) -> str:
    module, _, name = application.rpartition(".")
    return application if ":" in application else f"{module}:{name}"


def _environment(goodbye_time: float | None) -> dict[str, str]:
    """Return the workers' environment: they import from where this process did."""
    environment = dict(os.environ)
    path = filter(None, [sys.path[0], environment.get("PYTHONPATH")])
    environment["PYTHONPATH"] = os.pathsep.join(path)
    if goodbye_time is not None:
        environment[GOODBYE_TIME_VARIABLE] = str(goodbye_time)
    return environment


def _patience(goodbye_time: float | None) -> float | None:
    """Return how long a worker may take to end, or None where requests are waited for."""
    if not conf().EXIT_TIMEOUT:
        return None
    saying_goodbye = conf().GOODBYE_TIME if goodbye_time is None else goodbye_time
    return saying_goodbye + conf().EXIT_TIMEOUT + KILL_AFTER
