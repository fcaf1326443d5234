"""The address the hub is served at, and the server process that serves it."""

import dataclasses
import errno
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from django.core.management.base import CommandError


@dataclasses.dataclass(frozen=True)
class Address:
    """Where the server listens, and how a client on this machine reaches it."""

    bind: str
    port: int

    @property
    def authority(self) -> str:
        if self.bind in {"0.0.0.0", "::", ""}:
            return f"127.0.0.1:{self.port}"
        return f"[{self.bind}]:{self.port}" if ":" in self.bind else f"{self.bind}:{self.port}"

    @property
    def start_page(self) -> str:
        return f"http://{self.authority}/"

    @property
    def websocket(self) -> str:
        return f"ws://{self.authority}/ws/"

    def check_free(self) -> None:
        """Raise a `CommandError` that says what to do where the address cannot be listened on."""
        if not 0 < self.port < 65536:
            raise CommandError(f"{self.port} is no port: choose one from 1 to 65535.")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.bind or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                # As the server does it: a port that is only cooling down counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise CommandError(self._problem(error)) from error

    def _problem(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return (
                f"Port {self.port} on {self.bind} is taken. Stop the program that uses it, or "
                f"choose another port: make run ARGS='--port {self.port + 1}'"
            )
        return f"Cannot listen on {self.bind}, port {self.port}: {error.strerror or error}."


def become_server(address: Address, directory: Path) -> NoReturn:
    """Replace this process by Daphne, so that signals and the exit code are the server's own."""
    os.chdir(directory)
    sys.stdout.flush()
    sys.stderr.flush()
    daphne = [sys.executable, "-m", "daphne", "-b", address.bind, "-p", str(address.port)]
    os.execv(sys.executable, [*daphne, "hubproject.asgi:application"])
