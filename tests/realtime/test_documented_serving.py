"""The commands with which docs/operations.md has service managers run the hub: each of them serves,
and refuses nobody while one process makes room for the next."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys

import pytest
from django.core.management.base import BaseCommand

from realtime.management.commands.hub_serve import Command
from tests.support.documented import blocks
from tests.support.documents import read, section, table
from tests.support.environment import ROOT, child_environment
from tests.support.guardian import guardian
from tests.support.loopback import HOST
from tests.support.off_loop import eventually, off_loop

PYTHON = "/srv/mysite/venv/bin/python"
AS_DESCRIPTOR_3 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
)
COMMAND = re.compile(r"^(?:ExecStart|command)=(.*)$", re.MULTILINE)


def documented(heading, containing):
    """Return the command of a service manager's file, with this project in place of the sample."""
    files = blocks("operations.md", heading, "ini")
    found = [line for file in files for line in COMMAND.findall(file)]
    [line] = [line for line in found if containing in line]
    assert line.startswith(PYTHON)
    line = line.replace("mysite.asgi", "hubproject.asgi").replace("--port 8000", "--port 0")
    return [sys.executable, *line.split()[1:]]


@pytest.fixture
def start(transactional_db, tmp_path):
    """Start a documented command with a listening socket where the service manager puts it."""
    with contextlib.ExitStack() as stack:

        def start(command, listener=None, descriptor=None):
            log = tmp_path / f"{len(list(tmp_path.iterdir()))}.log"
            kept = () if descriptor != 3 else (listener.fileno(),)
            if descriptor == 3:
                command = [sys.executable, "-c", AS_DESCRIPTOR_3, str(listener.fileno()), *command]
            with log.open("wb") as file:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=child_environment(),
                    stdin=listener if descriptor == 0 else subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    pass_fds=kept,
                )
            guardian().watch(process)
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(guardian().forget, process)
            return process, log

        yield start


@pytest.mark.parametrize("heading", ["systemd", "supervisor"])
async def test_hub_serve_is_run_as_documented(start, heading):
    process, log = start(documented(heading, "hub_serve"))
    await eventually(lambda: "Serving on" in log.read_text(), seconds=60)
    assert log.read_text().count("listens.") == 4
    process.send_signal(signal.SIGTERM)
    assert await off_loop(process.wait, 60) == 0


@pytest.mark.parametrize(
    ("heading", "descriptor", "has_own_queue"), [("systemd", 3, True), ("supervisor", 0, False)]
)
async def test_plain_daphnes_share_a_port_as_documented(start, heading, descriptor, has_own_queue):
    command = documented(heading, f"--fd {descriptor}")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listener(0, has_own_queue))]
        port = listeners[0].getsockname()[1]
        if has_own_queue:
            listeners.append(stack.enter_context(listener(port, has_own_queue)))
        running = [start(command, listeners[n % len(listeners)], descriptor) for n in range(2)]
        for _, log in running:
            await eventually(lambda log=log: "Listening on" in log.read_text(), seconds=60)
        assert await off_loop(answers, port, 10)
        leaving, _ = running[0]
        leaving.send_signal(signal.SIGTERM)
        assert await off_loop(leaving.wait, 60) == 0
        _, log = start(command, listeners[0], descriptor)
        # What came to its queue meanwhile waited there.
        assert await off_loop(answers, port, 10)
    assert "Traceback" not in log.read_text()


def listener(port, has_own_queue):
    opened = socket.socket()
    if has_own_queue:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((HOST, port))
    opened.listen()
    return opened


def answers(port, times):
    """Tell whether so many connections, one after the other, are served."""
    for _ in range(times):
        with socket.create_connection((HOST, port), timeout=60) as client:
            client.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if client.recv(12) != b"HTTP/1.1 200":
                return False
    return True


def test_every_option_is_documented():
    plain, whole = (
        each.create_parser("manage.py", "hub_serve")._option_string_actions
        for each in (BaseCommand(), Command())
    )
    own = whole.keys() - plain.keys()
    rows = table(section(read("docs/operations.md"), "Several processes"))
    named = {option for row in rows for option in re.findall(r"--[a-z][a-z-]*", row[0])}
    assert own == named
