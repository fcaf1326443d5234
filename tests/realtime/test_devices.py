"""The life of a device: tokens shown once and stored as hashes, rotated, revoked."""

from __future__ import annotations

import datetime
import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from realtime.device_grants import device_of_token
from realtime.devices import (
    create_device,
    new_device,
    new_prefix,
    new_token,
    revoke_device,
    rotate_device,
)
from realtime.errors import BadToken, DeviceIsRevoked
from realtime.models import Device, Notice
from realtime.pairing import offer_code
from tests.support.threads import with_own_connection

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create(username="ada")


def opens(token):
    try:
        return bool(device_of_token(token))
    except BadToken:
        return False


def told():
    """Return whose connections everybody was told to look at, once each."""
    found = list(Notice.objects.values_list("user_id", flat=True))
    Notice.objects.all().delete()
    return found


def test_two_devices_have_nothing_of_their_tokens_in_common(user):
    (one, first), (other, second) = create_device(user, "laptop"), create_device(user, "laptop")
    assert first != second
    assert one.prefix != other.prefix
    assert one.token_hash != other.token_hash


def test_the_database_holds_no_token(user):
    device, token = create_device(user, "laptop")
    secrets = [token, rotate_device(device), offer_code(device)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hub_device")
        stored = repr(cursor.fetchall())
    for secret in secrets:
        assert secret.split("_")[-1] not in stored
        assert secret.replace("-", "") not in stored
    assert "laptop" in stored


def test_a_token_has_256_random_bits_and_tells_a_scanner_what_it_is():
    prefix = new_prefix()
    token = new_token(prefix)
    assert token.startswith(f"hub_{prefix}_")
    assert len(token) == len("hub_") + 8 + 1 + 43
    assert len({new_token(prefix) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "n" * 101},
        {"platform": "p" * 65},
        {"audiences": [""]},
        {"audiences": ["a" * 256]},
        {"audiences": "team:1"},
        {"audiences": [7]},
        {"audiences": ["\x00"]},
    ],
)
def test_a_device_that_cannot_be_stored_is_none(user, fields):
    with pytest.raises(ValidationError) as error:
        new_device(**({"user": user, "name": "laptop"} | fields))
    assert set(error.value.message_dict) == set(fields)


def test_a_device_keeps_what_it_is_limited_to(user):
    moment = timezone.now() + HOUR
    names = iter(["team:1", "team:2"])
    device, _ = create_device(
        user, "laptop", expires_at=moment, audiences=names, platform="windows"
    )
    device.refresh_from_db()
    assert device.audiences == ["team:1", "team:2"]
    assert device.platform == "windows"
    assert abs(device.expires_at - moment) < datetime.timedelta(milliseconds=1)


def test_a_device_says_what_it_is_good_for(user):
    device, _ = create_device(user, "laptop")
    assert device.state == "active"
    device.expires_at = timezone.now()
    assert device.state == "expired"
    revoke_device(device)
    assert device.state == "revoked"
    assert new_device(user=user, name="phone").state == "unpaired"


# Rotating


def test_rotating_gives_a_new_token_and_the_former_one_works_on(user, settings):
    settings.REALTIME = {"DEVICE_ROTATION_GRACE": 3600}
    device, former = create_device(user, "laptop")
    current = rotate_device(device)
    assert current != former
    assert current.split("_")[1] == former.split("_")[1] == device.prefix
    assert opens(current)
    assert opens(former)
    assert HOUR * 0.9 < device.previous_until - timezone.now() <= HOUR


def test_without_a_grace_the_former_token_ends_at_once(user, settings):
    settings.REALTIME = {"DEVICE_ROTATION_GRACE": 0}
    device, former = create_device(user, "laptop")
    current = rotate_device(device)
    assert (opens(current), opens(former)) == (True, False)


def test_rotating_again_ends_the_grace_of_the_first(user):
    device, first = create_device(user, "laptop")
    second = rotate_device(device)
    third = rotate_device(device)
    assert [opens(token) for token in (first, second, third)] == [False, True, True]


def test_rotating_a_device_that_was_read_before_loses_no_token_made_since(user):
    device, first = create_device(user, "laptop")
    stale = Device.objects.get()
    second = rotate_device(device)
    third = rotate_device(stale)
    assert [opens(token) for token in (first, second, third)] == [False, True, True]


def test_a_revoked_device_is_not_rotated(user):
    device, token = create_device(user, "laptop")
    stale = Device.objects.get()
    revoke_device(device)
    with pytest.raises(DeviceIsRevoked, match="laptop was revoked"):
        rotate_device(stale)
    assert not opens(token)


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_at_once_both_tokens_work(user, several_writers):
    device, first = create_device(user, "laptop")
    together, tokens = threading.Barrier(2), []

    def rotate():
        mine = Device.objects.get()
        together.wait(20)
        tokens.append(rotate_device(mine))

    threads = [threading.Thread(target=with_own_connection, args=(rotate,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [opens(token) for token in tokens] == [True, True]
    assert not opens(first)


# Revoking


def test_revoking_ends_every_token_and_code(user):
    device, former = create_device(user, "laptop")
    current = rotate_device(device)
    offer_code(device)
    revoke_device(device)
    assert not opens(former)
    assert not opens(current)
    assert Device.objects.get().pairing_hash is None


def test_revoking_twice_keeps_the_first_time(user):
    device, token = create_device(user, "laptop")
    stale = Device.objects.get()
    revoke_device(device)
    first = Device.objects.get().revoked_at
    revoke_device(stale)
    assert Device.objects.get().revoked_at == stale.revoked_at == first
    assert not opens(token)


@pytest.mark.parametrize("change", [rotate_device, revoke_device])
def test_every_process_is_told_to_look_at_the_connections_of_the_user(user, change):
    device, _ = create_device(user, "laptop")
    told()
    change(device)
    assert told() == [str(user.pk)]


def test_nobody_is_told_of_a_rotation_that_was_refused(user):
    device, _ = create_device(user, "laptop")
    revoke_device(device)
    told()
    with pytest.raises(DeviceIsRevoked):
        rotate_device(device)
    assert told() == []
