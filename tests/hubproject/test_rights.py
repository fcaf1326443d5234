"""The hub is told of every change of rights, and of whose."""

from __future__ import annotations

import pytest

import realtime
from hubproject.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def refreshed(ada, bob, grace, move, release, monkeypatch):
    """The keys of the users of whom the hub has been told since the people and projects are
    there."""
    told: list[int] = []
    monkeypatch.setattr(realtime, "refresh", lambda user: told.append(getattr(user, "pk", user)))
    return told


def test_a_new_member_is_told_of(refreshed, bob, move):
    move.memberships.create(user=bob)
    assert refreshed == [bob.pk]


def test_a_member_that_is_removed_is_told_of(refreshed, ada, move):
    move.memberships.get().delete()
    assert refreshed == [ada.pk]


def test_each_member_that_is_removed_in_bulk_is_told_of(refreshed, ada, bob, move):
    move.memberships.create(user=bob)
    refreshed.clear()
    move.memberships.all().delete()
    assert sorted(refreshed) == [ada.pk, bob.pk]


def test_of_a_membership_that_changes_hands_both_are_told_of(refreshed, ada, bob, move):
    membership = move.memberships.get()
    membership.user = bob
    membership.save()
    assert sorted(refreshed) == [ada.pk, bob.pk]


def test_of_a_membership_that_moves_to_another_project_its_user_is_told_of(
    refreshed, ada, move, release
):
    membership = move.memberships.get()
    membership.project = release
    membership.save()
    assert refreshed == [ada.pk]


def test_the_members_of_a_project_that_is_deleted_are_told_of(refreshed, ada, move):
    move.delete()
    assert refreshed == [ada.pk]


def test_staff_are_told_of_a_new_project(refreshed, grace):
    Project.objects.create(name="Party")
    assert refreshed == [grace.pk]


def test_nobody_is_told_of_a_project_that_is_renamed(refreshed, move):
    move.name = "Move house"
    move.save()
    assert refreshed == []


def test_staff_are_told_of_a_new_user_whose_entries_they_will_hear(
    refreshed, grace, django_user_model
):
    django_user_model.objects.create_user("linus")
    assert refreshed == [grace.pk]


@pytest.mark.parametrize("right", ["is_staff", "is_active"])
def test_a_user_whose_rights_change_is_told_of(refreshed, ada, right):
    setattr(ada, right, not getattr(ada, right))
    ada.save(update_fields=[right])
    assert refreshed == [ada.pk]


def test_a_user_that_is_saved_whole_is_told_of(refreshed, ada):
    ada.save()
    assert refreshed == [ada.pk]


def test_a_login_changes_no_rights(refreshed, ada, client):
    client.force_login(ada)
    assert refreshed == []


def test_a_user_that_is_deleted_is_told_of(refreshed, bob):
    key = bob.pk
    bob.delete()
    assert key in refreshed
