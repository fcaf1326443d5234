"""Which credential is asked about a token."""

from __future__ import annotations

import pytest

from realtime.auth import bearer_token, is_hosts, pairing_grant, token_grants
from realtime.devices import create_device, new_token
from realtime.errors import AuthenticateFailed, BadToken
from realtime.pairing import pair_device

HERE = "tests.realtime.test_auth"
OWN = "a token of the host"
SCOPE = {"type": "websocket", "path": "/ws/"}
asked: list[tuple[str, object]] = []


def authenticate(token, scope):
    from django.contrib.auth import get_user_model

    asked.append((token, scope))
    return get_user_model().objects.get(username="grace") if token == OWN else None


def fail(token, scope):
    raise ValueError("the identity provider does not answer")


@pytest.fixture
def host_tokens(settings):
    settings.REALTIME = {"AUTHENTICATE": f"{HERE}.authenticate"}
    asked.clear()


@pytest.fixture
def user(db, django_user_model):
    django_user_model.objects.create_user("grace", password="secret")
    return django_user_model.objects.create_user("ada", password="secret")


def token_grant(token, scope):
    (found,) = token_grants([(token, scope)])
    if isinstance(found, Exception):
        raise found
    return found


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([b"Bearer abc"], "abc"),
        ([b"bearer abc"], "abc"),
        ([b"BEARER  abc "], "abc"),
        ([b"Bearer"], ""),
        ([b"Bearer "], ""),
        ([b"Basic abc"], None),
        ([b"abc"], None),
        ([b""], None),
        ([b"Basic abc", b"Bearer def"], "def"),
        ([b"Bearer abc", b"Bearer def"], "abc"),
        ([b"Bearer \xff"], "\xff"),
    ],
)
def test_a_bearer_token_is_read_from_the_authorization_header(headers, token):
    assert bearer_token([(b"authorization", value) for value in headers]) == token


def test_the_name_of_the_header_may_be_written_in_any_case():
    assert bearer_token([(b"Authorization", b"Bearer abc")]) == "abc"


def test_a_device_token_leads_to_its_user(user):
    assert token_grant(create_device(user, "laptop")[1], SCOPE).user == user


def test_a_token_of_the_hosts_own_leads_to_the_user_that_the_host_says(user, host_tokens):
    assert token_grant(OWN, SCOPE).user.username == "grace"
    assert asked == [(OWN, SCOPE)]


def test_the_host_is_not_asked_about_what_has_the_form_of_a_device_token(user, host_tokens):
    assert token_grant(create_device(user, "laptop")[1], SCOPE).user == user
    with pytest.raises(BadToken):
        token_grant(new_token("00000000"), SCOPE)
    assert asked == []


def test_without_tokens_of_the_hosts_own_the_host_is_asked_nothing(user):
    with pytest.raises(BadToken):
        token_grant(OWN, SCOPE)
    assert asked == []


def test_a_token_that_opens_nothing_is_refused_the_same_whoever_was_asked(user, host_tokens):
    refusals = []
    for token in ("nonsense", new_token("00000000"), "", "\x00"):
        with pytest.raises(BadToken) as refused:
            token_grant(token, SCOPE)
        refusals.append(str(refused.value))
    assert len(set(refusals)) == 1
    assert [token for token, _ in asked] == ["nonsense", ""]


def test_a_pairing_code_leads_to_the_user_of_its_device_and_to_its_token(user):
    device, code = pair_device(user, "tablet", audiences=["team:1"])
    grant, token = pairing_grant(code, "192.0.2.7")
    assert (grant.user, grant.device_id, grant.audiences) == (user, device.pk, {"team:1"})
    assert token_grant(token, SCOPE).device_id == device.pk


def test_each_of_many_tokens_gets_its_own_answer_by_one_query(
    user, host_tokens, django_assert_num_queries
):
    laptop, phone = (create_device(user, name)[1] for name in ("laptop", "phone"))
    forged = phone[:-43] + "A" * 43
    tokens = [laptop, new_token("00000000"), phone, forged, laptop]
    with django_assert_num_queries(1):
        found = token_grants([(token, SCOPE) for token in tokens])
    assert [isinstance(one, BadToken) for one in found] == [False, True, False, True, False]
    assert found[0].device_id == found[4].device_id != found[2].device_id
    mixed = token_grants([(token, SCOPE) for token in (OWN, laptop, "nonsense", forged)])
    assert [isinstance(one, BadToken) for one in mixed] == [False, False, True, True]
    assert [one.user.username for one in mixed[:2]] == ["grace", "ada"]


def test_a_host_that_fails_for_one_token_fails_for_no_other(user, host_tokens, settings):
    settings.REALTIME = {"AUTHENTICATE": f"{HERE}.fail"}
    failed, found = token_grants([(OWN, SCOPE), (create_device(user, "laptop")[1], SCOPE)])
    assert isinstance(failed, AuthenticateFailed)
    assert found.user == user


def test_only_what_is_no_device_token_is_the_hosts(host_tokens, settings):
    assert is_hosts(OWN)
    assert not is_hosts(new_token("00000000"))
    settings.REALTIME = {}
    assert not is_hosts(OWN)
