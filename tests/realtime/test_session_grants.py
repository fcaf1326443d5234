"""What a session cookie grants: its user, until when, and whether it still does."""

from __future__ import annotations

import datetime
from http.cookies import SimpleCookie

import pytest
from django.conf import settings as project
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser
from django.utils import timezone

from realtime.errors import Revoked, TokenExpired
from realtime.session_grants import fixed_end, session_grant

HOUR = datetime.timedelta(hours=1)


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


def session_of(headers):
    [morsel] = SimpleCookie(headers[0][1].decode()).values()
    return SessionStore(morsel.value)


def user_of(headers):
    grant = session_grant(headers)
    return None if grant is None else grant.user


def test_the_session_of_a_logged_in_user_names_the_user(user):
    assert user_of(cookie(user)) == user


def test_the_session_cookie_is_found_among_others(user):
    [(name, value)] = cookie(user)
    assert user_of([(b"host", b"a"), (name, b"theme=dark; " + value + b"; x=y")]) == user


def test_the_session_cookie_is_found_in_a_second_header(user):
    assert user_of([(b"cookie", b"theme=dark"), *cookie(user)]) == user


@pytest.mark.parametrize(
    "value", [b"", b"sessionid=", b"sessionid=nonsense", b"sessionid=\x00\xff", b"=;;=", b"other=1"]
)
def test_a_cookie_of_no_session_names_nobody(db, value):
    assert user_of([(b"cookie", value)]) is None


def test_no_cookie_names_nobody(db):
    assert user_of([]) is None


def test_a_session_in_which_nobody_has_logged_in_names_nobody(db):
    session = SessionStore()
    session["basket"] = ["tea"]
    session.create()
    assert user_of([(b"cookie", f"sessionid={session.session_key}".encode())]) is None


def test_a_user_who_has_logged_out_is_nobody(user):
    headers = cookie(user)
    SessionStore(headers[0][1].decode().partition("=")[2]).flush()
    assert user_of(headers) is None


def test_an_inactive_user_is_nobody(user):
    headers = cookie(user)
    user.is_active = False
    user.save()
    assert user_of(headers) is None


def test_a_changed_password_ends_the_session(user):
    headers = cookie(user)
    user.set_password("another")
    user.save()
    assert user_of(headers) is None


def test_the_name_of_the_session_cookie_is_the_hosts(user, settings):
    headers = cookie(user, name="planner_session")
    assert user_of(headers) is None
    settings.SESSION_COOKIE_NAME = "planner_session"
    assert user_of(headers) == user


def test_the_session_engine_is_the_hosts(user, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert user_of(cookie(user)) == user


def test_a_session_of_a_former_secret_key_counts_and_keeps_its_name(user, settings):
    headers = cookie(user)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert user_of(headers) == user
    assert session_of(headers).load()[SESSION_KEY] == str(user.pk)


# Until when


def ends(**expiry):
    session = SessionStore()
    for value in expiry.values():
        session.set_expiry(value)
    return fixed_end(session)


def test_a_session_that_ends_at_a_moment_expires_then():
    moment = timezone.now() + HOUR
    assert ends(at=moment) == moment
    assert abs(ends(after=HOUR) - moment) < HOUR


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_session_whose_end_moves_with_each_save_has_none_that_is_known(seconds):
    assert ends(after=seconds) is None
    assert ends() is None


def test_the_grant_of_a_session_ends_with_it(user):
    headers = cookie(user)
    assert session_grant(headers).expires_at is None
    moment = timezone.now() + HOUR
    session = session_of(headers)
    session.set_expiry(moment)
    session.save()
    assert session_grant(headers).expires_at == moment
    assert session_grant(headers).audiences is None


def test_a_session_whose_moment_is_over_names_nobody(user, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    headers = cookie(user)
    assert user_of(headers) == user
    from django.contrib.sessions.backends.signed_cookies import SessionStore as Signed

    signed = Signed(headers[0][1].decode().partition("=")[2])
    signed.set_expiry(timezone.now() - HOUR)
    signed.save()
    assert user_of([(b"cookie", f"sessionid={signed.session_key}".encode())]) is None


# Whether it still does


def test_a_session_that_is_still_there_is_renewed_with_what_its_user_is_now(user):
    grant = session_grant(cookie(user))
    type(user).objects.update(first_name="Ada")
    assert grant.renew().user.first_name == "Ada"
    assert grant.renew().renew().user == user


def log_out(user, session):
    session.flush()


def deactivate(user, session):
    type(user).objects.update(is_active=False)


def change_the_password(user, session):
    user.set_password("another")
    user.save()


def remove_the_user(user, session):
    user.delete()


@pytest.mark.parametrize("end", [log_out, deactivate, change_the_password, remove_the_user])
def test_a_session_that_lets_nobody_in_any_more_was_taken_back(user, end):
    headers = cookie(user)
    grant = session_grant(headers)
    end(user, session_of(headers))
    with pytest.raises(Revoked):
        grant.renew()


def test_a_session_in_which_another_user_logs_in_is_not_the_connections_any_more(user, other):
    headers = cookie(user)
    grant = session_grant(headers)
    session, others = session_of(headers), session_of(cookie(other))
    session.update(dict(others.items()))
    session.save()
    assert user_of(headers) == other
    with pytest.raises(Revoked):
        grant.renew()


def test_a_session_whose_moment_has_come_has_expired(user, monkeypatch):
    headers = cookie(user)
    session = session_of(headers)
    session.set_expiry(timezone.now() + HOUR)
    session.save()
    grant = session_grant(headers)
    later = timezone.now() + 2 * HOUR
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    with pytest.raises(TokenExpired):
        grant.renew()


def test_the_grant_of_a_session_does_not_show_its_key(user):
    headers = cookie(user)
    assert session_of(headers).session_key not in repr(session_grant(headers))
