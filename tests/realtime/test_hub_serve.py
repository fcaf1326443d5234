"""`manage.py hub_serve` and `hub_drain`, as processes: serving, dying, restarting and leaving."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.conf import Conf
from realtime.models import Presence
from tests.support.breaks import IMPORT, SERVING, VARIABLE
from tests.support.environment import ROOT, child_environment
from tests.support.guardian import is_alive
from tests.support.loopback import HOST
from tests.support.manage import manage
from tests.support.off_loop import eventually, off_loop
from tests.support.service import Service

CLIENTS = 40
BACKLOG = min(Conf().LISTEN_BACKLOG, int(Path("/proc/sys/net/core/somaxconn").read_text()))
CANNOT_SERVE = 3


@pytest.fixture
def service(start_hub, tmp_path):
    return start_hub(kind=Service, arguments=["--pid-file", str(tmp_path / "pid")])


def processes_with_clients():
    return Presence.objects.values("relay").distinct().count()


async def test_clients_are_spread_over_all_workers(service, connect, token):
    for _ in range(CLIENTS):
        await (await connect(service, token=token)).hello()
    await eventually(lambda: Presence.objects.count() == CLIENTS)
    assert await off_loop(processes_with_clients) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
async def test_a_signal_is_forwarded_and_ends_everything_well(service, connect, token, number):
    clients = [await (await connect(service, token=token)).join() for _ in range(6)]
    service.send_signal(number)
    for client in clients:
        assert (await client.wait_closed())[0] == 1001
        assert client.received[-1]["type"] == "goodbye"
    assert (await off_loop(service.wait)).code == 0
    assert not any(map(is_alive, service.workers))


async def test_a_worker_that_dies_is_replaced(service, connect, token):
    first, second = service.workers
    os.kill(first, signal.SIGKILL)
    await service.says(f"Worker {first} ended, SIGKILL.")
    await eventually(lambda: len(service.workers) == 3)
    assert is_alive(second)
    for _ in range(6):
        await (await connect(service, token=token)).join()


async def test_a_hangup_replaces_every_worker_and_refuses_nobody(service, connect, token):
    old = service.workers
    stays = await (await connect(service, token=token)).join()
    service.send_signal(signal.SIGHUP)
    arriving = asyncio.create_task(arrive_until(service, "All workers are new."))
    assert (await stays.wait_closed())[0] == 1001
    assert await arriving > 0
    assert not any(map(is_alive, old))
    assert all(map(is_alive, service.workers[2:]))


async def arrive_until(service, text):
    """Open one connection after the other; any that is refused is an error."""
    count = 0
    while text not in service.log_text():
        _, writer = await asyncio.open_connection(HOST, service.port)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        count += 1
    return count


async def test_workers_whose_parent_is_killed_leave_as_well(service, connect, token):
    client = await (await connect(service, token=token)).join()
    workers = service.workers
    service.kill()
    assert (await client.wait_closed())[0] == 1001
    await eventually(lambda: not any(map(is_alive, workers)))


async def test_draining_by_the_pid_file_ends_the_service(service, connect, token, tmp_path):
    client = await (await connect(service, token=token)).join()
    done = await off_loop(manage, "hub_drain", "--pid-file", str(tmp_path / "pid"))
    assert "Drained." in done.stderr
    assert (await client.wait_closed())[0] == 1001
    assert (await off_loop(service.wait)).code == 0
    assert not (tmp_path / "pid").exists()


async def test_draining_one_worker_has_it_replaced(service):
    first, _ = service.workers
    await off_loop(manage, "hub_drain", "--pid", str(first))
    await eventually(lambda: len(service.workers) == 3)
    assert not is_alive(first)


def test_workers_that_cannot_start_are_given_up_with_a_message():
    done = serve("--application", "tests.nowhere.application", "--port", "0")
    assert done.returncode == CANNOT_SERVE
    assert "No worker can be started" in done.stderr
    assert "tests.nowhere" in done.stderr, "why is left to the workers to say"


def test_a_port_that_is_taken_is_named():
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        done = serve("--port", str(port))
    assert done.returncode == CANNOT_SERVE
    assert f"Cannot listen on {HOST}, port {port}" in done.stderr


async def test_a_second_service_on_the_same_port_or_pid_file_is_refused(service, tmp_path):
    done = await off_loop(serve, "--port", str(service.port))
    assert "Cannot listen" in done.stderr
    done = await off_loop(serve, "--port", "0", "--pid-file", str(tmp_path / "pid"))
    assert "belongs to a hub_serve that runs" in done.stderr


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--workers", "0"], "at least 1"),
        (["--unix", "hub.sock", "--port", "8001"], "Give one of"),
        (["--fd", "0"], "no socket"),
        (["--bind", "no.such.host.invalid"], "Cannot listen on no.such.host.invalid"),
    ],
)
def test_options_that_cannot_be_are_refused(options, why):
    done = serve(*options)
    assert done.returncode in {1, CANNOT_SERVE}
    assert why in done.stderr


def test_a_drain_of_nobody_says_so(tmp_path):
    left_over = tmp_path / "pid"
    left_over.write_text("1\n")
    for options, why in (
        ([], "Give --pid"),
        (["--pid-file", str(left_over)], "left over"),
        (["--pid-file", str(tmp_path / "none")], "cannot be read"),
    ):
        done = manage("hub_drain", *options, check=False)
        assert done.returncode == 1
        assert why in done.stderr


@pytest.mark.parametrize("kind", ["unix", "fd", "fd of several"])
async def test_other_sockets_are_served_before_and_after_a_restart(
    start_hub, tmp_path, kind, transactional_db
):
    path = tmp_path / "hub.sock"
    with contextlib.ExitStack() as stack:
        family, address, options, kept = socket.AF_UNIX, str(path), ["--unix", str(path)], ()
        if kind != "unix":
            listener = stack.enter_context(socket.socket())
            if kind == "fd of several":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((HOST, 0))
            listener.listen()
            family, address = socket.AF_INET, listener.getsockname()
            options, kept = ["--fd", str(listener.fileno())], (listener.fileno(),)
        process = stack.enter_context(running(tmp_path / "log", *options, kept=kept))
        await eventually(lambda: "Serving on" in (tmp_path / "log").read_text())
        assert await off_loop(answers, family, address)
        assert kind == "unix" or longest_queue(listener) == BACKLOG
        process.send_signal(signal.SIGHUP)
        await eventually(lambda: "All workers are new." in (tmp_path / "log").read_text())
        assert await off_loop(answers, family, address)
        process.send_signal(signal.SIGTERM)
        assert await off_loop(process.wait, 30) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert not path.exists()


def longest_queue(listener):
    """Return how many connections may wait at a socket, which the kernel has where a connected
    socket has its count of acknowledged segments."""
    found = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return struct.unpack_from("I", found, 28)[0]


def answers(family, address):
    """Tell whether a page is served."""
    with socket.socket(family) as client:
        client.connect(address)
        client.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.recv(12) == b"HTTP/1.1 200"


def command(*options):
    manage_py = str(ROOT / "manage.py")
    return [sys.executable, manage_py, "hub_serve", "--skip-checks", "--workers", "2", *options]


@contextlib.contextmanager
def running(log, *options, kept=()):
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(*options),
            cwd=ROOT,
            env=child_environment(),
            stdout=file,
            stderr=file,
            pass_fds=kept,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def serve(*options):
    """Run a service that cannot be, until it ends by itself."""
    return manage("hub_serve", "--skip-checks", "--workers", "2", *options, check=False)


@pytest.fixture
def breakable(start_hub, tmp_path):
    """A service, and the file that says how its next workers are broken."""
    breaks = tmp_path / "breaks"
    service = start_hub(
        kind=Service,
        workers=1,
        application="tests.support.breakable.application",
        environment={VARIABLE: str(breaks)},
    )
    return service, breaks


async def test_new_workers_that_do_not_start_leave_the_old_ones_in_place(breakable, connect, token):
    service, breaks = breakable
    service.expect_traceback()
    client = await (await connect(service, token=token)).join()
    breaks.write_text(IMPORT)
    service.send_signal(signal.SIGHUP)
    await service.says("Not all workers are new.")
    assert service.log_text().count("the old one goes on.") == 1
    assert all(map(is_alive, service.workers))
    assert client.is_open
    assert (await client.ask({"type": "ping"}))["type"] == "pong"


async def test_workers_that_die_again_and_again_are_given_up(breakable):
    service, breaks = breakable
    breaks.write_text(SERVING)
    for pid in service.workers:
        os.kill(pid, signal.SIGKILL)
    await service.says("No worker can be started")
    assert (await off_loop(service.wait)).code == CANNOT_SERVE
    assert "Starting another in 4 seconds." in service.log_text(), "the pauses grow"
