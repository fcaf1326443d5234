"""What the host says that users hear: one by one, or many at once."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

import sync
from realtime import host_audiences
from realtime.host_audiences import audiences_for, audiences_of_all

HERE = "tests.realtime.test_host_audiences"


@pytest.fixture
def users(db, django_user_model):
    return [django_user_model.objects.create_user(name, password="!") for name in ("ada", "bob")]


@pytest.fixture
def asked(monkeypatch):
    """Have the function in bulk answer by `of_each`, and note whom it was asked about."""
    asked: list[list[str]] = []
    monkeypatch.setitem(globals(), "calls", asked)
    return asked


def of_one(user):
    return ["of " + user.username]


def wrong_of_one(user):
    return user.wrong


def of_each(users):
    return {user.pk: {"of " + user.username} for user in users}


@sync.in_bulk
def of_many(users):
    calls.append([user.username for user in users])
    return of_each(users)


@sync.in_bulk
async def of_many_later(users):
    return of_each(users)


calls: list[list[str]] = []


def told(found):
    return [sorted(one) if isinstance(one, frozenset) else type(one).__name__ for one in found]


@pytest.mark.parametrize("function", ["of_one", "of_many", "of_many_later"])
def test_each_user_hears_what_the_host_names(users, settings, asked, function):
    settings.SYNC = {"AUDIENCES": f"{HERE}.{function}"}
    assert told(audiences_of_all(users)) == [["of ada"], ["of bob"]]
    assert audiences_for(users[1]) == {"of bob"}


def test_a_function_in_bulk_is_called_once_for_all(users, settings, asked):
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    audiences_of_all(users)
    assert asked == [["ada", "bob"]]
    audiences_of_all([])
    assert asked == [["ada", "bob"]]


def test_where_it_fails_for_one_the_others_hear_what_is_theirs(users, settings, asked, monkeypatch):
    def fail_for_bob(users):
        return {user.pk: {f"{1 / (user.username != 'bob')}"} for user in users}

    monkeypatch.setitem(globals(), "of_each", fail_for_bob)
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    assert told(audiences_of_all(users)) == [["1.0"], "ZeroDivisionError"]
    assert asked == [["ada", "bob"], ["ada"], ["bob"]]


@pytest.mark.parametrize("error", [OperationalError, TimeoutError, ConnectionRefusedError])
def test_what_cannot_be_reached_is_asked_once(users, settings, asked, monkeypatch, error):
    def fail(users):
        raise error("gone")

    monkeypatch.setitem(globals(), "of_each", fail)
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    assert told(audiences_of_all(users)) == [error.__name__] * 2
    assert asked == [["ada", "bob"]]


def test_who_is_left_out_is_an_error_that_says_so_and_no_revocation(
    users, settings, asked, monkeypatch
):
    monkeypatch.setitem(globals(), "of_each", lambda users: {users[0].pk: ["a"]})
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    mine, theirs = audiences_of_all(users)
    assert mine == {"a"}
    assert isinstance(theirs, ImproperlyConfigured)
    assert f"left out the user with the key {users[1].pk}" in str(theirs)


@pytest.mark.parametrize("wrong", [None, ["a"], "a"])
def test_what_is_no_dictionary_is_an_error_that_says_so(users, settings, asked, monkeypatch, wrong):
    monkeypatch.setitem(globals(), "of_each", lambda users: wrong)
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    with pytest.raises(ImproperlyConfigured, match="must return a dictionary"):
        audiences_for(users[0])


@pytest.mark.parametrize("wrong", ["project:1", None, [7], [""], ["a" * 256], [None]])
def test_what_cannot_be_audiences_is_an_error_that_names_the_setting(
    users, settings, asked, monkeypatch, wrong
):
    ada, bob = users
    ada.wrong = wrong
    settings.SYNC = {"AUDIENCES": f"{HERE}.wrong_of_one"}
    with pytest.raises(ImproperlyConfigured, match="AUDIENCES"):
        audiences_for(ada)
    monkeypatch.setitem(globals(), "of_each", lambda users: {ada.pk: wrong, bob.pk: ["a"]})
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_many"}
    assert told(audiences_of_all(users)) == ["ImproperlyConfigured", ["a"]]


def test_a_function_that_cannot_be_imported_is_everybodys_error(users, settings):
    settings.SYNC = {"AUDIENCES": "hubproject.nowhere"}
    assert told(audiences_of_all(users)) == ["ImportError"] * 2
    with pytest.raises(ImportError, match="nowhere"):
        audiences_for(users[0])


def test_a_module_that_fails_is_everybodys_error(users, settings, monkeypatch):
    def fail(path):
        raise SyntaxError(path)

    monkeypatch.setattr(host_audiences, "import_string", fail)
    settings.SYNC = {"AUDIENCES": f"{HERE}.of_one"}
    assert told(audiences_of_all(users)) == ["SyntaxError"] * 2
