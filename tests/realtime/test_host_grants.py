"""Tokens of the host's own: what its function may answer, and what follows from it."""

from __future__ import annotations

import asyncio
import datetime
import sys
from types import ModuleType, SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

import realtime
from realtime.errors import AuthenticateFailed, ErrorCode, Revoked, TokenExpired, wire_error
from realtime.host_grants import host_grant
from tests.support.documented import block

HERE = "tests.realtime.test_host_grants"
HOUR = datetime.timedelta(hours=1)
SECRET = "the secret of a token"
SCOPE = {"type": "websocket"}
answer = SimpleNamespace(value=None, asked=[])


def authenticate(token, scope):
    answer.asked.append((token, scope))
    if isinstance(answer.value, Exception):
        raise answer.value
    return answer.value


async def authenticate_later(token, scope):
    await asyncio.sleep(0)
    return authenticate(token, scope)


class Callable:
    async def __call__(self, token, scope):
        return authenticate(token, scope)


instance = Callable()


@pytest.fixture
def user(db, django_user_model):
    return django_user_model.objects.create_user("ada", password="secret")


@pytest.fixture(autouse=True)
def ask(settings):
    """Have this function asked; returns what is granted where it answers with a value."""

    def ask(value, function="authenticate"):
        settings.REALTIME = {"AUTHENTICATE": f"{HERE}.{function}"}
        answer.value = value
        answer.asked.clear()
        return host_grant(SECRET, SCOPE)

    return ask


@pytest.mark.parametrize("function", ["authenticate", "authenticate_later", "instance"])
def test_the_user_that_the_function_returns_is_let_in(user, ask, function):
    grant = ask(user, function)
    assert (grant.user, grant.expires_at, grant.audiences, grant.device_id) == (
        user,
        None,
        None,
        None,
    )
    assert answer.asked == [(SECRET, SCOPE)]


def test_the_function_may_say_until_when_and_for_which_audiences(user, ask):
    moment = timezone.now() + HOUR
    grant = ask(realtime.Authenticated(user, expires_at=moment, audiences=["team:1"]))
    assert (grant.user, grant.expires_at, grant.audiences) == (user, moment, {"team:1"})


def test_no_audiences_are_not_all_audiences(user, ask):
    assert ask(realtime.Authenticated(user, audiences=[])).audiences == frozenset()


def test_a_lazy_user_is_a_user(user, ask):
    assert ask(SimpleLazyObject(lambda: user)).user == user


def inactive(user):
    user.is_active = False
    return user


@pytest.mark.parametrize(
    "refuse",
    [
        lambda user: None,
        lambda user: AnonymousUser(),
        inactive,
        lambda user: realtime.Authenticated(None),
        lambda user: realtime.Authenticated(user, expires_at=timezone.now() - HOUR),
    ],
)
def test_a_token_of_nobody_opens_nothing(user, ask, refuse):
    assert ask(refuse(user)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda user: (user, "the token"),
        lambda user: "ada",
        lambda user: user.pk,
        lambda user: True,
        lambda user: type(user)(username="not saved"),
        lambda user: realtime.Authenticated(user, expires_at=1900000000),
        lambda user: realtime.Authenticated(user, expires_at=datetime.datetime(2030, 1, 1)),
        lambda user: realtime.Authenticated(user, audiences="team:1"),
        lambda user: realtime.Authenticated(user, audiences=[1]),
        lambda user: realtime.Authenticated(user, audiences=7),
    ],
)
def test_an_answer_of_another_form_is_named_and_no_word_about_the_token(user, ask, wrong):
    with pytest.raises(
        AuthenticateFailed, match=r"REALTIME\['AUTHENTICATE'\] must return"
    ) as error:
        ask(wrong(user))
    assert "the token" not in str(error.value)
    assert wire_error(error.value)[0] is ErrorCode.INTERNAL


@pytest.mark.parametrize(
    "raised", [ValueError("the password is hunter2"), StopIteration(), KeyError("sub")]
)
@pytest.mark.parametrize("function", ["authenticate", "authenticate_later"])
def test_a_function_that_fails_is_our_fault_and_tells_nothing_of_the_inside(ask, raised, function):
    with pytest.raises(AuthenticateFailed) as error:
        ask(raised, function)
    code, text, retryable = wire_error(error.value)
    assert (code, retryable) == (ErrorCode.INTERNAL, True)
    assert "hunter2" not in text
    assert "AUTHENTICATE" not in text
    assert error.value.__cause__ is not None


def test_a_function_that_cannot_be_imported_is_named(settings):
    settings.REALTIME = {"AUTHENTICATE": "hubproject.nowhere"}
    with pytest.raises(AuthenticateFailed, match="nowhere"):
        host_grant(SECRET, SCOPE)


def test_the_function_is_asked_again_about_the_same_token(user, ask):
    grant = ask(user)
    answer.value = realtime.Authenticated(user, audiences=["team:1"])
    assert grant.renew().audiences == {"team:1"}
    assert answer.asked == [(SECRET, SCOPE)] * 2


def test_a_token_that_the_function_takes_back_is_revoked(user, ask):
    grant = ask(user)
    answer.value = None
    with pytest.raises(Revoked):
        grant.renew()


def test_a_token_that_is_another_users_now_is_revoked(user, ask, django_user_model):
    grant = ask(user)
    answer.value = django_user_model.objects.create_user("grace")
    with pytest.raises(Revoked):
        grant.renew()


def test_a_token_whose_time_is_over_has_expired(user, ask, monkeypatch):
    moment = timezone.now() + HOUR
    grant = ask(realtime.Authenticated(user, expires_at=moment))
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    with pytest.raises(TokenExpired):
        grant.renew()


def test_a_function_that_fails_later_does_not_take_the_token_back(user, ask):
    grant = ask(user)
    answer.value = ValueError("no connection")
    with pytest.raises(AuthenticateFailed):
        grant.renew()


def test_the_token_is_shown_nowhere(user, ask):
    assert SECRET not in repr(ask(user))
    with pytest.raises(AuthenticateFailed) as error:
        ask((user, SECRET))
    assert SECRET not in str(error.value)


# Real tokens of other packages


@pytest.fixture
def by(settings, monkeypatch):
    """Ask a function of docs/integration.md, as it stands there."""

    def by(name):
        module = ModuleType("documented")
        exec(block("integration.md", "Tokens of your own", "python", f"def {name}"), vars(module))
        monkeypatch.setitem(sys.modules, "documented", module)
        settings.REALTIME = {"AUTHENTICATE": f"documented.{name}"}

    return by


def test_a_json_web_token_lets_its_user_in_until_it_expires(user, by):
    by("by_jwt")
    token = AccessToken.for_user(user)
    grant = host_grant(str(token), SCOPE)
    assert grant.user == user
    assert grant.expires_at.timestamp() == token["exp"]
    assert grant.renew().user == user


def test_a_json_web_token_that_was_changed_expired_or_is_of_another_kind_opens_nothing(user, by):
    by("by_jwt")
    expired = AccessToken.for_user(user)
    expired.set_exp(lifetime=-HOUR)
    header, claims, signature = str(AccessToken.for_user(user)).split(".")
    refresh = str(RefreshToken.for_user(user))
    changed = f"{header}.{claims}.{signature[::-1]}"
    for token in (str(expired), changed, refresh, "nonsense", "", "ü"):
        assert host_grant(token, SCOPE) is None


def test_a_json_web_token_of_a_deactivated_user_is_revoked(user, by):
    by("by_jwt")
    grant = host_grant(str(AccessToken.for_user(user)), SCOPE)
    type(user).objects.update(is_active=False)
    with pytest.raises(Revoked):
        grant.renew()


def test_a_token_of_the_rest_framework_lets_its_user_in_until_it_is_deleted(user, by):
    by("by_drf_token")
    token = Token.objects.create(user=user)
    grant = host_grant(token.key, SCOPE)
    assert (grant.user, grant.expires_at) == (user, None)
    assert host_grant("nonsense", SCOPE) is None
    token.delete()
    with pytest.raises(Revoked):
        grant.renew()
