"""`manage.py hub_run` on an empty machine, and again: it makes everything once and keeps it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.db import connection

from tests.support.client import HubClient
from tests.support.environment import ROOT, shared_database_url
from tests.support.guardian import guardian
from tests.support.loopback import free_port, wait_until_ready
from tests.support.off_loop import off_loop

WRITE = """
from hubproject.models import Task
Task.objects.filter(title="Order desks").update(title="Order forty desks")
"""
COUNT = """
from django.contrib.auth import get_user_model
from hubproject.models import Task
from realtime.models import Device
print(get_user_model().objects.count(), Device.objects.count(), Task.objects.count(),
      Task.objects.filter(title="Order forty desks").count())
"""


@pytest.fixture
def installation(tmp_path, transactional_db):
    """The environment of a fresh installation with a directory of its own for all it keeps."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    if connection.vendor != "sqlite":
        kept["DATABASE_URL"] = shared_database_url()
    return kept | {"VAR_DIR": str(tmp_path / "var"), "PYTHONUNBUFFERED": "1"}


def manage(environment, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def credentials_of(environment):
    path = os.path.join(environment["VAR_DIR"], "credentials.json")
    with open(path, encoding="utf-8") as file:
        [credentials] = json.load(file).values()
    return credentials


def test_a_second_start_keeps_data_and_credentials(installation):
    first = manage(installation, "hub_run", "--no-serve")
    credentials = credentials_of(installation)
    manage(installation, "shell", "-v", "0", "-c", WRITE)
    second = manage(installation, "hub_run", "--no-serve")
    assert credentials_of(installation) == credentials
    assert credentials["password"] in first
    assert first == second
    counts = manage(installation, "shell", "-v", "0", "-c", COUNT).split()
    assert counts[:2] == ["1", "1"]
    assert counts[3] == "1"


def test_what_is_secret_is_kept_where_only_its_owner_can_read(installation):
    manage(installation, "hub_run", "--no-serve")
    kept = {entry.name: entry.stat() for entry in os.scandir(installation["VAR_DIR"])}
    for name in ("credentials.json", "device-token", "secret_key"):
        assert stat.S_IMODE(kept[name].st_mode) == 0o600, name


@contextmanager
def hub_run(environment, log):
    """Run the command until the end of the block; returns the address of its WebSocket."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "hub_run", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    guardian().watch(process)
    try:
        wait_until_ready("hub_run", process, lambda: is_listening(log), log.read_text)
        yield f"ws://127.0.0.1:{port}/ws/"
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
        guardian().forget(process)


def is_listening(log):
    return "Listening on TCP" in log.read_text() or None


async def test_the_started_hub_serves_the_device_whose_token_it_kept(installation, tmp_path):
    with hub_run(installation, tmp_path / "log") as url:
        client = HubClient(url, token=credentials_of(installation)["token"])
        await client.connect()
        await client.join()
        await off_loop(manage, installation, "shell", "-v", "0", "-c", WRITE)
        event = await client.expect_event("task.updated")
        assert event["data"]["data"]["title"] == "Order forty desks"
        await client.close()
