"""One Daphne process under load, what it takes of the machine, and what it asks of PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.servers import DURABLE, prepare
from tests.support.guardian import guardian
from tests.support.loopback import HOST, free_port, wait_until_ready
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = "benchmarks.load_settings"
HUB = "hubproject.asgi:application"
BACKLOG = 4096
SAMPLE_SECONDS = 0.1
NAME = "hub"
"""What the connections of hubs are called in PostgreSQL."""

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def postgresql() -> Iterator[None]:
    """Have Django use a PostgreSQL of this run's own, which counts its statements."""
    server = PostgresServer(DURABLE | {"shared_preload_libraries": "pg_stat_statements"})
    server.start()
    try:
        prepare(server.url, SETTINGS)
        yield
    finally:
        server.stop()


def announce_through(redis_url: str, stack: ExitStack) -> None:
    """Have this process, and those that it starts, announce their commits through a Redis."""
    from django.test import override_settings

    from hubproject.channel_layers import channel_layer

    os.environ["REDIS_URL"] = redis_url
    layers = {"default": channel_layer(redis_url)}
    stack.enter_context(override_settings(CHANNEL_LAYERS=layers))


class LoadedHub:
    """A server process on a port of its own; `peak` is the most memory it was seen to hold."""

    def __init__(
        self,
        log: Path,
        *,
        application: str = HUB,
        given: Mapping[str, Any] | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        self.port = free_port()
        self._log = log
        endpoint = f"tcp:{self.port}:interface={HOST}:backlog={backlog}"
        self._command = [sys.executable, "-m", "daphne", "-e", endpoint, application]
        self._environment = os.environ | {
            "HUB_BENCH_SETTINGS": json.dumps(dict(given or {})),
            "PGAPPNAME": NAME,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Run the process; returns when it listens."""
        with self._log.open("ab") as log:
            began = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guardian().watch(self._process)
        wait_until_ready("Daphne", self._process, lambda: self._listens(began), self.log_text)
        return self

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            guardian().forget(self._process)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "this hub does not run"
        return self._process.pid

    def memory(self) -> float:
        """Return how much memory the process holds, in MiB."""
        return _status(self.pid, "VmRSS") / 1024

    def peak(self) -> float:
        """Return how much memory the process has held at most, in MiB."""
        return _status(self.pid, "VmHWM") / 1024

    def seconds(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def complaint(self) -> str:
        """Return the log where the process reported an error, else nothing."""
        text = self.log_text()
        return text[-4000:] if "Traceback" in text or " ERROR " in text else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def _listens(self, began: int) -> bool | None:
        with self._log.open("rb") as log:
            log.seek(began)
            return b"Listening on TCP" in log.read() or None


class Watch:
    """What a PostgreSQL does for the hub while it is looked at; needs `pg_stat_statements`. Its
    methods are for threads, not for the event loop."""

    def __init__(self) -> None:
        self.connections = 0
        """The most connections of hubs that were open at once."""
        self.queries = 0
        """Statements that were executed."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def start(self) -> None:
        """Begin to count."""
        _ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        _ask("SELECT pg_stat_statements_reset()")
        self._thread.start()

    def stop(self) -> None:
        """End counting."""
        self._stop.set()
        self._thread.join()
        own = "query !~ 'pg_stat'"
        ((queries,),) = _ask(f"SELECT sum(calls) FROM pg_stat_statements WHERE {own}")
        self.queries = int(queries or 0)

    def _sample(self) -> None:
        from django.db import connection

        try:
            while not self._stop.wait(SAMPLE_SECONDS):
                ((count,),) = _ask(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", NAME
                )
                self.connections = max(self.connections, count)
        finally:
            connection.close()


def queries_by_text(most: int = 15) -> list[tuple[int, float, str]]:
    """Return the statements that were executed most often: how often, milliseconds in all, text."""
    return _ask(
        "SELECT calls, total_exec_time, left(regexp_replace(query, '\\s+', ' ', 'g'), 160)"
        " FROM pg_stat_statements ORDER BY calls DESC LIMIT %s",
        most,
    )


async def memory_over_time(hub: LoadedHub, every: float = 1.0) -> list[tuple[float, float]]:
    """Return, when cancelled, the memory of a hub as pairs of seconds and MiB."""
    began, found = time.perf_counter(), list[tuple[float, float]]()
    try:
        while True:
            found.append((time.perf_counter() - began, hub.memory()))
            await asyncio.sleep(every)
    except asyncio.CancelledError:
        return found


def _ask(query: str, *given: Any) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, given or None)
        return list(cursor.fetchall()) if cursor.description else []


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status has no {name}")
