"""Who a connection belongs to."""

from __future__ import annotations

import pytest
from django.conf import settings as project
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser

from realtime.auth import bearer_token, session_user, token_grant
from realtime.devices import create_device
from realtime.errors import BadToken


@pytest.fixture
def user(db, django_user_model):
    return django_user_model.objects.create_user("ada", password="secret")


@pytest.fixture
def other(db, django_user_model):
    return django_user_model.objects.create_user("grace", password="secret")


def cookie(user, name=None) -> list[tuple[bytes, bytes]]:
    """The cookie header of a browser in which this user has logged in."""
    browser = Browser()
    browser.force_login(user)
    key = browser.cookies[project.SESSION_COOKIE_NAME].value
    return [(b"cookie", f"{name or project.SESSION_COOKIE_NAME}={key}".encode())]


def test_the_session_of_a_logged_in_user_names_the_user(user):
    assert session_user(cookie(user)) == user


def test_the_session_cookie_is_found_among_others(user):
    [(name, value)] = cookie(user)
    assert session_user([(b"host", b"a"), (name, b"theme=dark; " + value + b"; x=y")]) == user


def test_the_session_cookie_is_found_in_a_second_header(user):
    assert session_user([(b"cookie", b"theme=dark"), *cookie(user)]) == user


@pytest.mark.parametrize(
    "value", [b"", b"sessionid=", b"sessionid=nonsense", b"sessionid=\x00\xff", b"=;;=", b"other=1"]
)
def test_a_cookie_of_no_session_names_nobody(db, value):
    assert session_user([(b"cookie", value)]) is None


def test_no_cookie_names_nobody(db):
    assert session_user([]) is None


def test_a_session_in_which_nobody_has_logged_in_names_nobody(db):
    session = SessionStore()
    session["basket"] = ["tea"]
    session.create()
    assert session_user([(b"cookie", f"sessionid={session.session_key}".encode())]) is None


def test_a_user_who_has_logged_out_is_nobody(user):
    headers = cookie(user)
    SessionStore(headers[0][1].decode().partition("=")[2]).flush()
    assert session_user(headers) is None


def test_an_inactive_user_is_nobody(user):
    headers = cookie(user)
    user.is_active = False
    user.save()
    assert session_user(headers) is None


def test_a_changed_password_ends_the_session(user):
    headers = cookie(user)
    user.set_password("another")
    user.save()
    assert session_user(headers) is None


def test_the_name_of_the_session_cookie_is_the_hosts(user, settings):
    headers = cookie(user, name="planner_session")
    assert session_user(headers) is None
    settings.SESSION_COOKIE_NAME = "planner_session"
    assert session_user(headers) == user


def test_the_session_engine_is_the_hosts(user, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert session_user(cookie(user)) == user


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


def test_a_token_leads_to_its_user(user):
    assert token_grant(create_device(user, "laptop")[1], {}).user == user


@pytest.mark.django_db
def test_a_token_that_opens_nothing_is_a_bad_token():
    with pytest.raises(BadToken):
        token_grant("hub_nonsense", {})
