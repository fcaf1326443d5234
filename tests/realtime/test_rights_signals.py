"""Whose rights are looked up again, and that it happens in the transaction of the change."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.test import Client as Browser
from django.test import RequestFactory

from realtime import rights_signals
from realtime.devices import create_device
from realtime.models import Notice
from realtime.session_grants import session_grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("ada", password="secret")


@pytest.fixture
def other(django_user_model):
    return django_user_model.objects.create_user("grace", password="secret")


@pytest.fixture
def group(db):
    return Group.objects.create(name="team:1")


@pytest.fixture
def permission(db):
    return Permission.objects.first()


@pytest.fixture
def told():
    """Return who was named since the last call."""

    def told():
        found = set(Notice.objects.values_list("user_id", flat=True))
        Notice.objects.all().delete()
        return found

    return told


# The user


@pytest.mark.parametrize("alone", [True, False])
def test_who_is_deleted_is_looked_at(user, told, alone):
    told()
    pk = str(user.pk)
    if alone:
        user.delete()
    else:
        type(user).objects.filter(pk=user.pk).delete()
    assert told() == {pk}


@pytest.mark.parametrize(
    "change",
    [{"is_active": False}, {"is_staff": True}, {"is_superuser": True}, {"first_name": "A"}],
)
@pytest.mark.parametrize("only", [True, False])
def test_a_user_who_is_saved_is_looked_at(user, told, change, only):
    told()
    for name, value in change.items():
        setattr(user, name, value)
    user.save(update_fields=list(change) if only else None)
    assert told() == {str(user.pk)}


def test_a_new_password_is_looked_at(user, told):
    told()
    user.set_password("another")
    user.save()
    assert told() == {str(user.pk)}


def test_a_new_user_has_no_connections_to_look_at(told, django_user_model):
    django_user_model.objects.create_user("grace")
    assert told() == set()


def test_logging_in_is_no_change_of_rights(user, told):
    told()
    request = RequestFactory().get("/")
    request.session = Browser().session
    login(request, authenticate(username="ada", password="secret"))
    user.refresh_from_db()
    assert user.last_login is not None
    assert told() == set()


def test_what_is_rolled_back_was_never_told(user, told):
    told()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        user.save()
        raise ZeroDivisionError
    assert told() == set()


# Groups and permissions


CHANGES = {
    "add": lambda many, one: many.add(one),
    "remove": lambda many, one: many.remove(one),
    "clear": lambda many, one: many.clear(),
    "set": lambda many, one: many.set([]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("side", ["user.groups", "group.user_set"])
def test_groups_are_looked_at_from_both_sides(user, other, group, told, change, side):
    many, one = (user.groups, group) if side == "user.groups" else (group.user_set, user)
    if change != "add":
        many.add(one)
    told()
    CHANGES[change](many, one)
    assert told() == {str(user.pk)}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("side", ["user", "permission"])
def test_permissions_of_users_are_looked_at_from_both_sides(
    user, other, permission, told, change, side
):
    many, one = (
        (user.user_permissions, permission) if side == "user" else (permission.user_set, user)
    )
    if change != "add":
        many.add(one)
    told()
    CHANGES[change](many, one)
    assert told() == {str(user.pk)}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("side", ["group", "permission"])
def test_permissions_of_groups_are_looked_at_for_all_their_users(
    user, other, group, permission, told, change, side
):
    user.groups.add(group)
    many, one = (
        (group.permissions, permission) if side == "group" else (permission.group_set, group)
    )
    if change != "add":
        many.add(one)
    told()
    CHANGES[change](many, one)
    assert told() == {str(user.pk)}


def test_a_group_that_is_deleted_is_looked_at_for_all_its_users(user, other, group, told):
    group.user_set.add(user, other)
    told()
    group.delete()
    assert told() == {str(user.pk), str(other.pk)}


def test_a_group_without_users_concerns_nobody(group, permission, told):
    group.permissions.add(permission)
    group.delete()
    assert told() == set()


# Devices


def test_a_device_that_is_limited_or_deleted_is_looked_at(user, told):
    device, _ = create_device(user, "laptop")
    assert told() == set()
    device.audiences = ["team:1"]
    device.save()
    assert told() == {str(user.pk)}
    device.delete()
    assert told() == {str(user.pk)}


# Sessions


def test_who_logs_out_is_looked_at_when_the_session_is_gone(user, told, monkeypatch):
    """The look that follows may come before Django has emptied the session."""
    browser = Browser()
    browser.force_login(user)
    [morsel] = browser.cookies.values()
    headers = [(b"cookie", f"{morsel.key}={morsel.value}".encode())]
    assert session_grant(headers).user == user
    found = []
    monkeypatch.setattr(
        rights_signals, "refresh", lambda user: found.append((user, session_grant(headers)))
    )
    browser.logout()
    assert found == [(user, None)]


def test_only_the_session_that_logs_out_ends(user):
    here, there = Browser(), Browser()
    for browser in (here, there):
        browser.force_login(user)
    [morsel] = there.cookies.values()
    here.logout()
    assert session_grant([(b"cookie", f"{morsel.key}={morsel.value}".encode())]).user == user


@pytest.mark.parametrize("request_of", [lambda: None, lambda: RequestFactory().get("/")])
def test_a_logout_without_a_session_or_a_user_is_none_of_our_trouble(user, told, request_of):
    told()
    user_logged_out.send(sender=type(user), request=request_of(), user=None)
    assert told() == set()
    user_logged_out.send(sender=type(user), request=request_of(), user=user)
    assert told() == {str(user.pk)}


def test_a_session_of_nobody_that_logs_out_is_no_trouble(db, told):
    Browser().logout()
    assert told() == set()
