"""Device tokens: shown once, stored as a hash, and all the same when they open nothing."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection
from django.utils import timezone

from realtime.device_grants import device_of_token
from realtime.devices import create_device, new_token, revoke_device
from realtime.errors import BadToken, ErrorCode
from realtime.models import Device

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create(username="ada")


def test_a_token_leads_to_its_device_and_user(user):
    device, token = create_device(user, "laptop")
    create_device(user, "phone")
    found = device_of_token(token)
    assert (found, found.user, found.name) == (device, user, "laptop")


def test_two_devices_have_nothing_of_their_tokens_in_common(user):
    (one, first), (other, second) = create_device(user, "laptop"), create_device(user, "laptop")
    assert first != second
    assert one.prefix != other.prefix
    assert one.token_hash != other.token_hash


def test_the_database_holds_no_token(user):
    _, token = create_device(user, "laptop")
    secret = token.split("_", 2)[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hub_device")
        stored = repr(cursor.fetchall())
    assert secret not in stored
    assert "laptop" in stored


def test_a_token_has_256_random_bits_and_tells_a_scanner_what_it_is():
    prefix, token = new_token()
    assert token.startswith(f"hub_{prefix}_")
    assert len(token) == len("hub_") + 8 + 1 + 43
    assert len({new_token()[1] for _ in range(100)}) == 100


def refused(token):
    with pytest.raises(BadToken) as raised:
        device_of_token(token)
    return str(raised.value), raised.value.code, raised.value.retryable


def test_a_token_that_opens_nothing_is_refused_the_same_for_whatever_reason(user):
    _, good = create_device(user, "laptop")
    revoked, revoked_token = create_device(user, "lost")
    revoke_device(revoked)
    prefix = good.split("_")[1]
    strange = [
        revoked_token,
        new_token()[1],
        f"hub_{prefix}_{'A' * 43}",
        good + "x",
        good[:-1],
        good.upper(),
        f" {good}",
        f"{good}\n",
        f"hub_{prefix}_",
        f"hub__{'A' * 43}",
        "",
        "hub_",
        "\x00",
        "hub_\x00\x00\x00\x00\x00\x00\x00\x00_" + "A" * 43,
        "ü" * 56,
        "x" * 8192,
        Device.objects.get(name="laptop").token_hash,
    ]
    user_of_another = type(user).objects.create(username="gone", is_active=False)
    strange.append(create_device(user_of_another, "old")[1])
    answers = {refused(token) for token in strange}
    assert answers == {
        (
            "The token is not valid. Ask for a new device token.",
            ErrorCode.UNAUTHENTICATED,
            False,
        )
    }
    assert device_of_token(good).name == "laptop"


def test_a_device_without_a_hash_is_opened_by_nothing(user):
    prefix, token = new_token()
    Device.objects.create(user=user, name="made by hand", prefix=prefix, token_hash="")
    refused(token)


def test_a_user_who_is_deactivated_loses_every_device(user):
    _, token = create_device(user, "laptop")
    device_of_token(token)
    type(user).objects.update(is_active=False)
    refused(token)
    type(user).objects.update(is_active=True)
    assert device_of_token(token).user == user


def test_revoking_twice_keeps_the_first_time(user):
    device, token = create_device(user, "laptop")
    revoke_device(device)
    first = Device.objects.get().revoked_at
    revoke_device(Device.objects.get())
    assert Device.objects.get().revoked_at == first
    refused(token)


def test_a_device_that_is_used_says_when_it_was_seen(user):
    device, token = create_device(user, "laptop")
    assert device.last_seen_at is None
    before = timezone.now()
    device_of_token(token)
    assert before <= Device.objects.get().last_seen_at <= timezone.now()


def test_a_reconnect_storm_writes_a_device_once(user, django_assert_num_queries):
    _, token = create_device(user, "laptop")
    device_of_token(token)
    with django_assert_num_queries(1):
        device_of_token(token)


def test_a_device_seen_long_ago_is_written_again(user):
    _, token = create_device(user, "laptop")
    long_ago = timezone.now() - datetime.timedelta(hours=1)
    Device.objects.update(last_seen_at=long_ago)
    device_of_token(token)
    assert Device.objects.get().last_seen_at > long_ago


def test_a_refused_token_leaves_no_trace_on_the_device(user):
    device, token = create_device(user, "laptop")
    refused(token[:-1] + ("A" if token[-1] != "A" else "B"))
    revoke_device(device)
    refused(token)
    assert Device.objects.get().last_seen_at is None
