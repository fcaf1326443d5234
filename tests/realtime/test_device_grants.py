"""Device tokens: what they open, until when, and that those that open nothing are all the same."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime import device_grants
from realtime.device_grants import device_grant, device_of_token, is_device_token
from realtime.devices import create_device, new_prefix, new_token, revoke_device, rotate_device
from realtime.errors import BadToken, ErrorCode, Revoked, TokenExpired
from realtime.models import Device
from tests.support.late_replica import ReadsFromALateReplica

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create(username="ada")


def update(device, **fields):
    Device.objects.filter(pk=device.pk).update(**fields)


def refused(token):
    with pytest.raises(BadToken) as raised:
        device_of_token(token)
    return str(raised.value), raised.value.code, raised.value.close_code, raised.value.retryable


# What opens


def test_a_token_leads_to_its_device_and_user(user):
    device, token = create_device(user, "laptop")
    create_device(user, "phone")
    found = device_of_token(token)
    assert (found, found.user, found.name) == (device, user, "laptop")


def test_a_device_grants_what_it_was_made_for(user):
    moment = timezone.now() + HOUR
    device, token = create_device(user, "laptop", expires_at=moment, audiences=["team:1"])
    grant = device_grant(token)
    assert (grant.user, grant.device_id) == (user, device.pk)
    assert abs(grant.expires_at - moment) < datetime.timedelta(milliseconds=1)
    assert grant.audiences == {"team:1"}


def test_a_device_without_limits_grants_all_for_ever(user):
    grant = device_grant(create_device(user, "laptop")[1])
    assert (grant.expires_at, grant.audiences) == (None, None)


def test_the_form_of_a_token_tells_whether_it_is_a_devices():
    assert is_device_token(new_token(new_prefix()))
    for text in ("", "hub_", "hub_nonsense", "x" * 56, new_token(new_prefix()) + "\n"):
        assert not is_device_token(text)


def test_the_former_token_opens_for_as_long_as_the_grace_lasts(user):
    device, former = create_device(user, "laptop")
    current = rotate_device(device)
    assert device_of_token(former) == device_of_token(current) == device
    assert device_grant(current).expires_at is None
    assert device_grant(former).expires_at == Device.objects.get().previous_until
    update(device, previous_until=timezone.now())
    refused(former)
    assert device_of_token(current) == device


def test_a_device_that_expires_before_the_grace_ends_with_both_tokens(user):
    device, former = create_device(user, "laptop", expires_at=timezone.now() + HOUR)
    rotate_device(device)
    assert device_grant(former).expires_at == Device.objects.get().expires_at


# What opens nothing


def nobodys(user):
    return new_token(new_prefix())


def wrong_secret(user):
    return new_token(create_device(user, "laptop")[0].prefix)


def revoked(user):
    device, token = create_device(user, "lost")
    revoke_device(device)
    return token


def expired(user):
    device, token = create_device(user, "old")
    update(device, expires_at=timezone.now())
    return token


def of_nobody_active(user):
    gone, _ = type(user).objects.get_or_create(username="gone", is_active=False)
    return create_device(gone, "old")[1]


def rotated_twice(user):
    device, token = create_device(user, "laptop")
    rotate_device(device)
    rotate_device(device)
    return token


def after_the_grace(user):
    device, token = create_device(user, "laptop")
    rotate_device(device)
    update(device, previous_until=timezone.now())
    return token


def not_paired_yet(user):
    return new_token(Device.objects.create(user=user, prefix=new_prefix(), token_hash="").prefix)


def of_another_form(user):
    return "hub_nonsense"


def the_stored_hash(user):
    return create_device(user, "laptop")[0].token_hash


REFUSED = [
    nobodys,
    wrong_secret,
    revoked,
    expired,
    of_nobody_active,
    rotated_twice,
    after_the_grace,
    not_paired_yet,
    of_another_form,
    the_stored_hash,
]


def test_a_token_that_opens_nothing_is_refused_the_same_for_whatever_reason(user):
    assert {refused(make(user)) for make in REFUSED} == {
        (
            "The token or code is not valid. Ask for a new one.",
            ErrorCode.UNAUTHENTICATED,
            4501,
            False,
        )
    }


def test_a_token_that_opens_nothing_costs_the_same_for_whatever_reason(user, monkeypatch):
    calls = []

    def counting(name):
        original = getattr(device_grants, name)

        def count(*args):
            calls.append((name, [len(arg) for arg in args if name != "token_hash"]))
            return original(*args)

        monkeypatch.setattr(device_grants, name, count)

    for name in ("token_hash", "constant_time_compare"):
        counting(name)
    costs = set()
    for make in REFUSED:
        token = make(user)
        calls.clear()
        with CaptureQueriesContext(connection) as queries:
            refused(token)
        costs.add((len(queries), repr(calls)))
    assert len(costs) == 1
    [(number, done)] = costs
    assert number == 1
    assert done.count("constant_time_compare") == 2


def test_no_text_whatsoever_is_more_than_refused(user):
    _, good = create_device(user, "laptop")
    prefix = good.split("_")[1]
    strange = [
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
    ]
    assert len({refused(token) for token in strange}) == 1
    assert device_of_token(good).name == "laptop"


def test_a_user_who_is_deactivated_loses_every_device(user):
    _, token = create_device(user, "laptop")
    device_of_token(token)
    type(user).objects.update(is_active=False)
    refused(token)
    type(user).objects.update(is_active=True)
    assert device_of_token(token).user == user


def test_a_token_that_is_looked_up_costs_one_query_and_no_write(user, django_assert_num_queries):
    _, token = create_device(user, "laptop")
    with django_assert_num_queries(1):
        device_grant(token)
    assert Device.objects.get().last_seen_at is None


# Whether it still opens


def test_a_grant_is_renewed_with_what_the_device_and_its_user_are_now(user):
    device, token = create_device(user, "laptop")
    grant = device_grant(token)
    moment = timezone.now() + HOUR
    update(device, audiences=["team:1"], expires_at=moment)
    type(user).objects.update(first_name="Ada")
    renewed = grant.renew()
    assert (renewed.audiences, renewed.user.first_name) == ({"team:1"}, "Ada")
    assert renewed.renew().expires_at == Device.objects.get().expires_at


def test_renewing_costs_one_query(user, django_assert_num_queries):
    grant = device_grant(create_device(user, "laptop")[1])
    with django_assert_num_queries(1):
        grant.renew()


def test_a_connection_with_the_former_token_lives_until_the_grace_or_another_rotation_ends_it(user):
    device, token = create_device(user, "laptop")
    grant = device_grant(token)
    rotate_device(device)
    renewed = grant.renew()
    assert renewed.expires_at == Device.objects.get().previous_until
    rotate_device(device)
    with pytest.raises(Revoked):
        renewed.renew()


@pytest.mark.parametrize("field", ["expires_at", "previous_until"])
def test_a_token_whose_time_is_over_has_expired(user, field):
    device, token = create_device(user, "laptop")
    grant = device_grant(token)
    rotate_device(device)
    update(device, **{field: timezone.now()})
    with pytest.raises(TokenExpired):
        grant.renew()


def take_back(user, device):
    revoke_device(device)


def deactivate(user, device):
    type(user).objects.filter(pk=user.pk).update(is_active=False)


def delete(user, device):
    device.delete()


def give_away(user, device):
    update(device, user=type(user).objects.create(username="grace"))


@pytest.mark.parametrize("end", [take_back, deactivate, delete, give_away])
def test_a_device_that_is_taken_back_ends_what_it_granted(user, end):
    device, token = create_device(user, "laptop")
    grant = device_grant(token)
    grant.renew()
    end(user, device)
    with pytest.raises(Revoked):
        grant.renew()


def test_a_grant_shows_neither_token_nor_hash(user):
    device, token = create_device(user, "laptop")
    shown = repr(device_grant(token))
    assert token not in shown
    assert device.token_hash not in shown


@pytest.mark.django_db(databases=["default", "other"])
def test_a_replica_that_is_late_does_not_say_what_a_token_opens(user, settings):
    device, token = create_device(user, "laptop")
    settings.DATABASE_ROUTERS = [ReadsFromALateReplica()]
    grant = device_grant(token)
    assert grant.renew().user == user
    update(device, revoked_at=timezone.now())
    with pytest.raises(Revoked):
        grant.renew()
