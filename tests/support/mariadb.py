"""A real MariaDB for one test run, from the programs that the machine has.

No service of the machine is asked or disturbed: the server has a directory, a port and a user of
its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pymysql

from tests.support.guardian import guardian
from tests.support.loopback import HOST, ServerFailed, free_port, wait_until_ready
from tests.support.unprivileged import hand_over, run_as

USER = "hub"
ATTEMPTS = 5
# Debian keeps servers where only root looks for programs.
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")
SERVERS = ("mariadbd", "mysqld")
INSTALLERS = ("mariadb-install-db", "mysql_install_db")

# Durability is what a test run can do without. The collation is left as the server has it:
# the one that ignores case is what most hosts run with.
OPTIONS = {
    "bind-address": HOST,
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
    "innodb-buffer-pool-size": "64M",
    "innodb-doublewrite": "0",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-use-native-aio": "0",
    "max-connections": "300",
    "skip-log-bin": None,
    "skip-name-resolve": None,
    "sync-frm": "0",
}


class MariaDbServer:
    """Start on a free loopback port, with a password made for this run."""

    def __init__(self) -> None:
        self._program, self._installer = programs()
        self.home = Path(tempfile.mkdtemp(prefix="hub-mariadb-"))
        guardian().remove_at_end(self.home)
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.password = secrets.token_urlsafe(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = run_as()
        self._initialise()

    @property
    def url(self) -> str:
        """The address of the server's first database, as `DATABASE_URL` wants it."""
        return f"mariadb://{USER}:{self.password}@{HOST}:{self.port}/hub"

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
        """Kill the server, cutting every connection; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(30)
        guardian().forget(process)

    def connect(self) -> Any:
        """Return a connection of the driver."""
        return pymysql.connect(
            host=HOST,
            port=self.port,
            user=USER,
            password=self.password,
            database="hub",
            connect_timeout=5,
        )

    def log_text(self) -> str:
        """Return what the server has logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _initialise(self) -> None:
        welcome = self.home / "welcome.sql"
        welcome.write_text(
            f"CREATE OR REPLACE USER {USER}@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION;\n"
            "CREATE DATABASE IF NOT EXISTS hub;\n"
        )
        welcome.chmod(0o600)
        hand_over(self._identity, self.home, welcome)
        command = [
            self._installer, "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
            # Nobody but the server's own user gets in as root, and that not over the network.
            "--auth-root-authentication-method=socket",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=self.home,
            env=os.environ | {"TMPDIR": str(self.home)},
            capture_output=True,
            text=True,
            **self._identity,
        )
        if done.returncode:
            raise ServerFailed(
                f"{self._installer} failed in {self.home} (a directory that the server's user must"
                f" be able to enter; TMPDIR chooses another place):\n{done.stdout}{done.stderr}"
            )

    def _launch(self) -> None:
        options: dict[str, str | None] = OPTIONS | {
            "datadir": str(self.data),
            "init-file": str(self.home / "welcome.sql"),
            "port": str(self.port),
            "socket": str(self.home / "socket"),
            "tmpdir": str(self.home),
        }
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [self._program, "--no-defaults", *map(option, options, options.values())],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._identity,
            )
        guardian().watch(process, signal.SIGKILL)
        try:
            wait_until_ready("MariaDB", process, self._answers, self.log_text)
        except ServerFailed:
            process.kill()
            process.wait()
            guardian().forget(process)
            raise
        self._process = process

    def _answers(self) -> bool | None:
        with contextlib.suppress(pymysql.OperationalError), self.connect():
            return True
        return None


def option(name: str, value: str | None) -> str:
    """Return an option as the server's command line takes it."""
    return f"--{name}" if value is None else f"--{name}={value}"


@cache
def find_server() -> str | None:
    """Return the path of the machine's server program, which only some machines have."""
    return find(SERVERS)


def find(names: tuple[str, ...]) -> str | None:
    """Return the path of the first of these programs that there is."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def programs() -> tuple[str, str]:
    """Return the server and the program that makes its first directory."""
    server, installer = find_server(), find(INSTALLERS)
    if server is None or installer is None:
        raise ServerFailed(
            "the tests start MariaDB from the programs mariadbd and mariadb-install-db: install"
            " MariaDB's server (it need not run), or give a server's address in TEST_DATABASE_URL"
        )
    return server, installer
