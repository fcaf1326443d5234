"""Pairing codes: short, good once and for minutes, and all the same when they are not."""

from __future__ import annotations

import datetime
import re
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.attempts import attempts
from realtime.device_grants import device_grant, device_of_token
from realtime.devices import create_device, revoke_device, rotate_device
from realtime.errors import BadToken, DeviceIsRevoked, RateLimited, Revoked
from realtime.models import Device, Notice
from realtime.pairing import ALPHABET, code_hash, offer_code, pair_device, redeem
from tests.support.threads import with_own_connection

pytestmark = pytest.mark.django_db

HOME = "192.0.2.7"
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture(autouse=True)
def no_attempts():
    attempts.clear()
    yield
    attempts.clear()


def refused(code):
    with pytest.raises(BadToken) as raised:
        redeem(code, HOME)
    attempts.clear()
    return str(raised.value), raised.value.close_code, raised.value.code, raised.value.retryable


# What is good


def test_a_code_is_exchanged_for_a_token_of_its_device(user):
    device, code = pair_device(user, "tablet", audiences=["team:1"], platform="ios")
    assert device.state == "unpaired"
    token = redeem(code, HOME)
    found = device_of_token(token)
    assert (found, found.user, found.state) == (device, user, "active")
    assert (found.audiences, found.platform) == (["team:1"], "ios")


def test_a_code_can_be_read_aloud(user):
    _, code = pair_device(user, "tablet")
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
    assert len(ALPHABET) == 32
    assert not set("OILU") & set(ALPHABET)
    assert len({offer_code(Device.objects.get()) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "typed",
    ["01AB-CDEF", "01ab-cdef", "OIAB-CDEF", "olab cdef", " 0LAB-cdef ", "01ABCDEF", "0-1-A-B-CDEF"],
)
def test_a_code_may_be_typed_as_people_type(typed):
    assert code_hash(typed) == code_hash("01AB-CDEF")


def test_a_code_that_is_another_is_another():
    assert len({code_hash(code) for code in ("01AB-CDEF", "01AB-CDEG", "O1AB-CDE", "")}) == 4


def test_what_is_stored_of_a_code_is_keyed_with_the_secret_of_the_project(user, settings):
    _, code = pair_device(user, "tablet")
    settings.SECRET_KEY = "another"
    refused(code)


def test_a_device_that_expires_does_so_after_pairing_too(user):
    moment = timezone.now() + MINUTE
    _, code = pair_device(user, "tablet", expires_at=moment)
    expires_at = device_grant(redeem(code, HOME)).expires_at
    assert abs(expires_at - moment) < datetime.timedelta(milliseconds=1)


def test_a_code_is_good_for_as_long_as_is_set(user, settings):
    settings.REALTIME = {"PAIRING_TIMEOUT": 60}
    device, _ = pair_device(user, "tablet")
    assert MINUTE * 0.9 < device.pairing_until - timezone.now() <= MINUTE


# What is not


def invented(user):
    return "0000-0000"


def used(user):
    _, code = pair_device(user, "tablet")
    redeem(code, HOME)
    return code


def expired(user):
    device, code = pair_device(user, "tablet")
    Device.objects.filter(pk=device.pk).update(pairing_until=timezone.now())
    return code


def replaced(user):
    device, code = pair_device(user, "tablet")
    offer_code(device)
    return code


def of_a_revoked_device(user):
    device, code = pair_device(user, "tablet")
    Device.objects.filter(pk=device.pk).update(revoked_at=timezone.now())
    return code


def of_an_expired_device(user):
    device, code = pair_device(user, "tablet")
    Device.objects.filter(pk=device.pk).update(expires_at=timezone.now())
    return code


def of_nobody_active(user):
    gone, _ = type(user).objects.get_or_create(username="gone", is_active=False)
    return pair_device(gone, "tablet")[1]


def no_code(user):
    return ""


def strange(user):
    return "\x00ß" * 30


REFUSED = [
    invented,
    used,
    expired,
    replaced,
    of_a_revoked_device,
    of_an_expired_device,
    of_nobody_active,
    no_code,
    strange,
]


def test_a_code_that_opens_nothing_is_refused_as_a_token_that_opens_nothing(user):
    answers = {refused(make(user)) for make in REFUSED}
    with pytest.raises(BadToken) as token:
        device_of_token("hub_nonsense")
    bad = token.value
    assert answers == {(str(bad), bad.close_code, bad.code, bad.retryable)}


def test_a_code_that_opens_nothing_costs_the_same_for_whatever_reason(user):
    costs = set()
    for make in REFUSED:
        code = make(user)
        with CaptureQueriesContext(connection) as queries:
            refused(code)
        costs.add(len(queries))
    assert costs == {1}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_with_one_code_at_once_one_gets_a_token(user):
    _, code = pair_device(user, "tablet")
    together, tokens, refusals = threading.Barrier(2), [], []

    def come():
        together.wait(20)
        try:
            tokens.append(redeem(code, HOME))
        except BadToken:
            refusals.append(code)

    threads = [threading.Thread(target=with_own_connection, args=(come,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(tokens), len(refusals)) == (1, 1)
    assert device_of_token(tokens[0]).name == "tablet"


def test_a_code_that_was_taken_between_looking_and_taking_is_refused(user, monkeypatch):
    """The race of two, at its narrowest: both have found the device waiting."""
    from realtime import pairing

    _, code = pair_device(user, "tablet")
    first = []

    def looked(device, now):
        monkeypatch.undo()
        first.append(redeem(code, HOME))
        return True

    monkeypatch.setattr(pairing, "_is_waiting", looked)
    refused(code)
    assert device_of_token(first[0]).name == "tablet"


# Pairing anew


def test_a_device_that_is_paired_anew_keeps_its_token_until_the_code_is_used(user):
    device, former = create_device(user, "tablet")
    rotate_device(device)
    current = rotate_device(device)
    code = offer_code(device)
    assert device_of_token(current) == device
    grant = device_grant(current)
    token = redeem(code, HOME)
    for ended in (former, current):
        with pytest.raises(BadToken):
            device_of_token(ended)
    with pytest.raises(Revoked):
        grant.renew()
    assert device_of_token(token) == device


def test_every_process_is_told_to_look_at_the_connections_of_a_device_that_is_paired_anew(user):
    device, _ = create_device(user, "tablet")
    code = offer_code(device)
    Notice.objects.all().delete()
    redeem(code, HOME)
    assert [notice.user_id for notice in Notice.objects.all()] == [str(user.pk)]


def test_a_revoked_device_gets_no_code(user):
    device, _ = create_device(user, "tablet")
    stale = Device.objects.get()
    revoke_device(device)
    with pytest.raises(DeviceIsRevoked):
        offer_code(stale)


# Guessing


def test_who_sends_too_many_wrong_codes_is_not_even_told_that_a_right_one_is(user, settings):
    settings.REALTIME = {"PAIRING_ATTEMPTS": 3}
    _, code = pair_device(user, "tablet")
    for _ in range(3):
        with pytest.raises(BadToken):
            redeem("0000-0000", HOME)
    with CaptureQueriesContext(connection) as queries, pytest.raises(RateLimited):
        redeem(code, HOME)
    assert len(queries) == 0
    assert device_of_token(redeem(code, "192.0.2.8")).name == "tablet"


def test_right_codes_count_for_nothing(user, settings):
    settings.REALTIME = {"PAIRING_ATTEMPTS": 1}
    for _ in range(3):
        redeem(pair_device(user, "tablet")[1], HOME)


def test_a_database_that_fails_is_no_wrong_code(user, settings, monkeypatch):
    from realtime import pairing

    settings.REALTIME = {"PAIRING_ATTEMPTS": 1}
    _, code = pair_device(user, "tablet")

    def fail(hashed):
        raise OSError("no connection")

    with monkeypatch.context() as patch:
        patch.setattr(pairing, "_redeemed", fail)
        with pytest.raises(OSError, match="no connection"):
            redeem(code, HOME)
    assert redeem(code, HOME)
