"""Which client id a connection gets, and what its user may hear."""

from __future__ import annotations

import pytest

import sync
from realtime.client_ids import checked_client_id
from realtime.errors import Revoked
from realtime.grants import Grant
from realtime.rights import confirmed, confirmed_all, identify_all
from tests.realtime.doubles import grant_of

HERE = "tests.realtime.test_rights"


@pytest.fixture
def user(db, django_user_model):
    return django_user_model.objects.create_user("ada", password="secret")


@pytest.fixture
def other(db, django_user_model):
    return django_user_model.objects.create_user("grace", password="secret")


def sync_audiences(user):
    return ["of " + user.username]


async def async_audiences(user):
    return {"async of " + user.username}


def identify(grant, client_id):
    (found,) = identify_all([(grant, client_id)])
    if isinstance(found, Exception):
        raise found
    return found


def test_a_client_id_that_is_the_users_is_given(user):
    assert identify(grant_of(user), "laptop").client_id == "laptop"


def test_a_client_id_of_somebody_else_is_not_given_and_another_one_is(user, other):
    identify(grant_of(user), "laptop")
    given = identify(grant_of(other), "laptop").client_id
    assert given != "laptop"
    assert identify(grant_of(other), given).client_id == given


def test_a_client_without_an_id_is_given_one(user):
    assert checked_client_id(identify(grant_of(user), None).client_id)


def test_the_user_hears_the_audiences_that_the_host_names(user, settings):
    settings.SYNC = {"AUDIENCES": f"{HERE}.sync_audiences"}
    assert identify(grant_of(user), None).audiences == {"of ada"}


def test_the_hosts_function_may_be_async(user, settings):
    settings.SYNC = {"AUDIENCES": f"{HERE}.async_audiences"}
    assert identify(grant_of(user), None).audiences == {"async of ada"}


def test_without_a_function_of_the_host_everyone_hears_what_is_for_everyone(user, settings):
    settings.SYNC = {}
    assert identify(grant_of(user), None).audiences == {sync.EVERYONE}


def test_a_function_that_cannot_be_imported_is_an_error_and_no_silence(user, settings):
    settings.SYNC = {"AUDIENCES": "hubproject.nowhere"}
    with pytest.raises(ImportError, match="nowhere"):
        identify(grant_of(user), None)


def test_a_credential_may_be_good_for_some_of_the_users_audiences_alone(user, settings):
    settings.SYNC = {"AUDIENCES": f"{HERE}.sync_audiences"}
    narrow = Grant(user, lambda: narrow, audiences=frozenset({"of ada", "of bob"}))
    assert identify(narrow, None).audiences == {"of ada"}
    empty = Grant(user, lambda: empty, audiences=frozenset({"of bob"}))
    assert identify(empty, None).audiences == frozenset()


def test_what_is_confirmed_is_what_the_host_says_now(user, settings):
    identity = identify(grant_of(user), "laptop")
    settings.SYNC = {"AUDIENCES": f"{HERE}.sync_audiences"}
    now = confirmed(identity)
    assert (now.client_id, now.audiences) == ("laptop", {"of ada"})


def test_each_identity_is_confirmed_by_itself_and_the_host_asked_once_for_a_user(
    user, other, settings, monkeypatch
):
    asked = []
    monkeypatch.setitem(globals(), "sync_audiences", lambda user: asked.append(user) or ["a"])
    settings.SYNC = {"AUDIENCES": f"{HERE}.sync_audiences"}

    def revoked():
        raise Revoked("gone")

    mine, also_mine, theirs = (identify(grant_of(one), None) for one in (user, user, other))
    ended = identify(Grant(user, revoked), None)
    asked.clear()
    found = confirmed_all([mine, ended, also_mine, theirs])
    assert [type(one).__name__ for one in found] == ["Identity", "Revoked", "Identity", "Identity"]
    assert asked == [user, other]


def test_what_cannot_be_looked_up_is_raised_and_is_no_end(user, settings):
    identity = identify(grant_of(user), None)
    settings.SYNC = {"AUDIENCES": "hubproject.nowhere"}
    with pytest.raises(ImportError):
        confirmed(identity)
