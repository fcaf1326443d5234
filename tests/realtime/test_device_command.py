"""`manage.py hub_device`: create, pair, list, rotate, revoke, with errors that say what to do."""

from __future__ import annotations

import datetime
import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from realtime.device_grants import device_of_token
from realtime.devices import create_device
from realtime.errors import BadToken
from realtime.models import Device
from realtime.pairing import redeem
from realtime.sightings import Sighting, saw_all
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
    saw_all([Sighting(active.pk, "192.0.2.7", "1.2.0", "windows")])
    out, _ = hub_device("list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines.keys() == {active.prefix, gone.prefix}
    assert "active" in lines[active.prefix]
    assert "laptop" in lines[active.prefix]
    assert "windows 1.2.0" in lines[active.prefix]
    assert "seen never" not in lines[active.prefix]
    assert "all audiences" in lines[active.prefix]
    assert "for ever" in lines[active.prefix]
    assert "revoked" in lines[gone.prefix]
    assert "seen never" in lines[gone.prefix]
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


def test_an_action_is_needed():
    with pytest.raises(CommandError, match="action"):
        hub_device()


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_what_is_not_there_is_an_error_that_points_to_the_list(user, action):
    with pytest.raises(CommandError, match=r"no device 'nothing1': see `hub_device list`"):
        hub_device(action, "nothing1")


def test_a_device_is_limited_as_asked(user):
    before = timezone.now()
    limits = ("--expires", "12h", "--audience", "team:1", "--audience", "team:2")
    hub_device("create", "ada", "laptop", *limits, "--platform", "windows")
    device = Device.objects.get()
    twelve = datetime.timedelta(hours=12)
    assert before + twelve <= device.expires_at <= timezone.now() + twelve
    assert (device.audiences, device.platform) == (["team:1", "team:2"], "windows")
    out, _ = hub_device("list")
    assert "team:1, team:2" in out
    assert f"until {device.expires_at.isoformat(' ', 'minutes')}" in out


@pytest.mark.parametrize(
    ("text", "days"), [("30m", 30 / 1440), ("12h", 0.5), ("90d", 90), ("4w", 28)]
)
def test_a_time_to_live_is_a_number_and_a_unit(user, text, days):
    before = timezone.now()
    hub_device("create", "ada", "laptop", "--expires", text)
    span = datetime.timedelta(days=days)
    assert before + span <= Device.objects.get().expires_at <= timezone.now() + span


def test_a_moment_without_a_zone_is_the_projects_time(user, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    timezone.get_default_timezone.cache_clear()
    hub_device("create", "ada", "a", "--expires", "2090-01-31T18:00")
    hub_device("create", "ada", "b", "--expires", "2090-01-31T18:00Z")
    ends = {device.name: device.expires_at for device in Device.objects.all()}
    assert ends["b"] - ends["a"] == datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("soon", "'soon' is no time such as 30m"),
        ("", "'' is no time"),
        ("12", "'12' is no time"),
        ("2090-13-31T18:00", "is no time"),
        ("2001-01-31T18:00", "is over already"),
        ("0d", "is over already"),
        ("9" * 30 + "d", "is too far away"),
        ("9" * 8 + "d", "is too far away"),
        ("٣d", "is no time"),
    ],
)
def test_a_time_that_is_none_is_an_error_that_says_so(user, text, complaint):
    with pytest.raises(CommandError, match=complaint):
        hub_device("create", "ada", "laptop", "--expires", text)
    assert not Device.objects.exists()


@pytest.mark.parametrize("option", [("--audience", "a" * 256), ("--platform", "p" * 65)])
@pytest.mark.parametrize("action", ["create", "pair"])
def test_a_limit_that_cannot_be_stored_is_an_error_that_names_it(user, action, option):
    with pytest.raises(CommandError, match=f"The {option[0].strip('-')}s? cannot be used"):
        hub_device(action, "ada", "laptop", *option)
    assert not Device.objects.exists()


def test_pairing_prints_nothing_but_the_code_to_standard_output(user):
    out, err = hub_device("pair", "ada", "tablet", "--audience", "team:1")
    code = out.strip()
    assert re.fullmatch("[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert "once" in err
    assert code not in err
    assert "unpaired" in hub_device("list")[0]
    device = device_of_token(redeem(code, "192.0.2.7"))
    assert (device.user, device.name, device.audiences) == (user, "tablet", ["team:1"])
    assert "active" in hub_device("list")[0]


def test_rotating_prints_nothing_but_the_new_token_to_standard_output(user):
    device, former = create_device(user, "laptop")
    out, err = hub_device("rotate", device.prefix)
    assert device_of_token(out.strip()) == device_of_token(former) == device
    assert out.strip() != former
    assert "The former token works until" in err


def test_a_revoked_device_is_not_rotated(user):
    device, _ = create_device(user, "laptop")
    hub_device("revoke", device.prefix)
    with pytest.raises(CommandError, match="laptop was revoked"):
        hub_device("rotate", device.prefix)


def test_every_action_explains_itself(capsys):
    for action in ("create", "pair", "list", "rotate", "revoke"):
        with pytest.raises(SystemExit):
            call_command("hub_device", action, "--help")
    told = capsys.readouterr().out
    for word in ("--expires WHEN", "--audience NAME", "--platform", "as `list` shows it"):
        assert word in told


@pytest.mark.django_db(transaction=True)
def test_the_command_line_ends_with_a_message_and_no_traceback():
    done = manage("hub_device", "create", "eve", "laptop", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "There is no user 'eve'" in done.stderr
    assert "Traceback" not in done.stderr
