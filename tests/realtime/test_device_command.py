"""`manage.py hub_device`: create, list and revoke, with errors that say what to do."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from realtime.device_grants import device_of_token
from realtime.devices import create_device
from realtime.errors import BadToken
from realtime.models import Device
from tests.support.manage import manage

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create(username="ada")


def hub_device(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("hub_device", *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def test_creating_prints_nothing_but_the_token_to_standard_output(user):
    out, err = hub_device("create", "ada", "front desk")
    device = device_of_token(out.strip())
    assert (device.user, device.name) == (user, "front desk")
    assert "once" in err
    assert out.strip() not in err


def test_creating_for_nobody_is_an_error_that_names_the_user(db):
    with pytest.raises(CommandError, match="no user 'eve'"):
        hub_device("create", "eve", "laptop")
    assert not Device.objects.exists()


@pytest.mark.parametrize("name", ["", "n" * 101])
def test_a_name_that_cannot_be_stored_is_an_error_that_says_why(user, name):
    with pytest.raises(CommandError, match="name"):
        hub_device("create", "ada", name)
    assert not Device.objects.exists()


def test_the_list_shows_each_device_and_no_secret(user):
    active, token = create_device(user, "laptop")
    gone, _ = create_device(user, "lost phone")
    hub_device("revoke", gone.prefix)
    device_of_token(token)
    out, _ = hub_device("list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines.keys() == {active.prefix, gone.prefix}
    assert "active" in lines[active.prefix]
    assert "laptop" in lines[active.prefix]
    assert "never" not in lines[active.prefix]
    assert "revoked" in lines[gone.prefix]
    assert "never" in lines[gone.prefix]
    assert "ada" in lines[gone.prefix]
    assert token not in out
    assert active.token_hash not in out


def test_revoking_makes_the_token_useless(user):
    device, token = create_device(user, "laptop")
    _, other = create_device(user, "phone")
    out, _ = hub_device("revoke", device.prefix)
    assert "laptop" in out
    with pytest.raises(BadToken):
        device_of_token(token)
    assert device_of_token(other).name == "phone"


def test_revoking_what_is_not_there_is_an_error_that_points_to_the_list(user):
    with pytest.raises(CommandError, match=r"no device 'nothing1': see `hub_device list`"):
        hub_device("revoke", "nothing1")


def test_an_action_is_needed():
    with pytest.raises(CommandError, match="action"):
        hub_device()


@pytest.mark.django_db(transaction=True)
def test_the_command_line_ends_with_a_message_and_no_traceback():
    done = manage("hub_device", "create", "eve", "laptop", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "There is no user 'eve'" in done.stderr
    assert "Traceback" not in done.stderr
