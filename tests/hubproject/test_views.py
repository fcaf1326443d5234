"""The start page shows a user what the user would hear, and no more."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from hubproject.models import PlannerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def page_of(client):
    def page(user):
        client.force_login(user)
        return client.get(reverse("start")).content.decode()

    return page


@pytest.fixture(autouse=True)
def entries(ada, bob, move, release):
    for owner, title in ((ada, "Call the desk maker"), (bob, "Tag the release"), (None, "Whose?")):
        PlannerEntry.objects.create(date=timezone.localdate(), title=title, owner=owner)


def test_a_member_sees_its_projects_and_its_entries(page_of, ada):
    page = page_of(ada)
    assert "Move" in page
    assert "Call the desk maker" in page
    for foreign in ("Release", "Tag the release", "Whose?"):
        assert foreign not in page


def test_staff_see_all(page_of, grace):
    page = page_of(grace)
    for title in ("Move", "Release", "Call the desk maker", "Tag the release", "Whose?"):
        assert title in page


def test_who_may_not_enter_the_admin_is_not_sent_there(page_of, ada, grace):
    assert reverse("admin:index") not in page_of(ada)
    assert reverse("admin:index") in page_of(grace)
