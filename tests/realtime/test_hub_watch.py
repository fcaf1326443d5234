"""`manage.py hub_watch`: shows what changes, whoever changes it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import pytest
from django.core.management import CommandError, call_command

from realtime.device_grants import device_of_token
from realtime.devices import revoke_device
from realtime.models import Device
from realtime.pairing import pair_device
from tests.support.environment import ROOT, child_environment
from tests.support.manage import manage
from tests.support.off_loop import off_loop

SECONDS = 60
CHANGE = "from tests.testapp.models import Owner; Owner.objects.create(name='Move')"


@contextlib.asynccontextmanager
async def watching(*arguments):
    """Run the command; yields it as a process whose output can be read line by line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "manage.py", "hub_watch", *arguments),
        cwd=ROOT,
        env=child_environment() | {"PYTHONUNBUFFERED": ""},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line_with(process, text):
    """Read on until a line holds the text."""
    async with asyncio.timeout(SECONDS):
        while line := (await process.stdout.readline()).decode():
            if text in line:
                return line.rstrip("\n")
    raise AssertionError((await process.stderr.read()).decode())


async def ended(process):
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_change_of_another_process_is_printed_as_it_happens(quick_hub, token):
    async with watching("--url", quick_hub.ws_url, "--token", token) as process:
        await line_with(process, "caught up")
        await off_loop(manage, "shell", "-v", "0", "-c", CHANGE)
        line = await line_with(process, "owner.created")
        assert "testapp_owner" in line


async def test_the_token_may_be_in_a_file_and_the_output_in_json(quick_hub, token, tmp_path):
    file = tmp_path / "token"
    file.write_text(token + "\n")
    arguments = ("--url", quick_hub.ws_url, "--token-file", str(file), "--json")
    async with watching(*arguments) as process:
        await line_with(process, '"sync_response"')
        await off_loop(manage, "shell", "-v", "0", "-c", CHANGE)
        event = json.loads(await line_with(process, '"event"'))
        assert event["data"]["data"]["name"] == "Move"
        assert token not in json.dumps(event)


async def test_a_code_is_exchanged_for_a_token_that_the_file_keeps(
    quick_hub, token, tmp_path, django_user_model
):
    user = await off_loop(django_user_model.objects.get, username="ada")
    device, code = await off_loop(pair_device, user, "tablet")
    file = tmp_path / "token"
    arguments = ("--url", quick_hub.ws_url, "--pair", code, "--token-file", str(file), "--json")
    async with watching(*arguments) as process:
        welcome = json.loads(await line_with(process, '"welcome"'))
    assert "deviceToken" not in welcome
    assert (await off_loop(device_of_token, file.read_text().strip())).pk == device.pk
    assert file.stat().st_mode & 0o077 == 0
    assert (await off_loop(Device.objects.get, pk=device.pk)).platform == sys.platform


async def test_a_client_that_paired_comes_back_with_its_token(start_hub, token, django_user_model):
    user = await off_loop(django_user_model.objects.get, username="ada")
    _, code = await off_loop(pair_device, user, "tablet")
    hub = start_hub()
    async with watching("--url", hub.ws_url, "--pair", code) as process:
        await line_with(process, "caught up")
        await off_loop(hub.kill)
        await off_loop(manage, "shell", "-v", "0", "-c", CHANGE)
        await off_loop(hub.start)
        await line_with(process, "1 changes caught up")


async def test_a_code_that_is_not_valid_ends_the_command_and_leaves_no_file(
    quick_hub, token, tmp_path
):
    file = tmp_path / "token"
    arguments = ("--url", quick_hub.ws_url, "--pair", "0000-0000", "--token-file", str(file))
    async with watching(*arguments) as process:
        code, _, err = await ended(process)
    assert code == 1
    assert "The token or code is not valid" in err
    assert not file.exists()


def test_a_file_that_is_there_already_is_not_written_over(tmp_path):
    file = tmp_path / "token"
    file.write_text("precious")
    with pytest.raises(CommandError, match="exists: name a new file"):
        call_command("hub_watch", "--pair", "0000-0000", "--token-file", str(file))
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    "arguments", [("--token", "a", "--pair", "b"), ("--token", "a", "--token-file", "b")]
)
def test_two_credentials_are_one_too_many(arguments):
    with pytest.raises(CommandError, match="Give one of --token, --token-file and --pair"):
        call_command("hub_watch", *arguments)


async def test_a_hub_that_restarts_is_found_again_and_nothing_is_missed(start_hub, token):
    hub = start_hub()
    async with watching("--url", hub.ws_url, "--token", token) as process:
        await line_with(process, "caught up")
        await off_loop(hub.kill)
        await off_loop(manage, "shell", "-v", "0", "-c", CHANGE)
        await off_loop(hub.start)
        await line_with(process, "1 changes caught up")


async def test_a_token_that_is_not_valid_ends_the_command_with_the_reason(quick_hub, token):
    await off_loop(lambda: revoke_device(Device.objects.get()))
    async with watching("--url", quick_hub.ws_url, "--token", token) as process:
        code, out, err = await ended(process)
    assert code == 1
    assert "The token or code is not valid" in err
    assert "Traceback" not in err


async def test_an_address_that_refuses_ends_the_command_with_a_message(quick_hub, token):
    async with watching("--url", quick_hub.ws_url + "nowhere/", "--token", token) as process:
        code, _, err = await ended(process)
    assert code == 1
    assert "403" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1/ws/"])
def test_an_address_that_is_none_is_named(url):
    with pytest.raises(CommandError, match=f"{url} cannot be watched"):
        call_command("hub_watch", url=url, token="unused")


def test_a_token_file_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(CommandError, match=str(missing)):
        call_command("hub_watch", "--token-file", str(missing))


def test_a_token_is_needed():
    with pytest.raises(CommandError, match="--token"):
        call_command("hub_watch")
