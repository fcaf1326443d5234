"""The planner in the admin: who adds something sees it afterwards."""

from __future__ import annotations

import pytest
from django.urls import reverse

from hubproject.models import PlannerEntry, Project
from tests.support.admin import form_values

pytestmark = pytest.mark.django_db

ADD_PROJECT = reverse("admin:hubproject_project_add")


def add_project(client, **fields):
    values = form_values(client.get(ADD_PROJECT).content.decode(), "project_form")
    response = client.post(ADD_PROJECT, values | {"name": "Move"} | fields)
    assert response.status_code == 302, response.context["errors"]
    return Project.objects.get()


def members(project):
    return set(project.memberships.values_list("user__username", flat=True))


def test_who_adds_a_project_becomes_its_member(admin_client, admin_user):
    assert members(add_project(admin_client)) == {admin_user.username}


def test_who_adds_a_project_for_others_is_a_member_too(admin_client, admin_user, ada):
    fields = {"memberships-TOTAL_FORMS": "1", "memberships-0-user": ada.pk}
    project = add_project(admin_client, **fields)
    assert members(project) == {admin_user.username, ada.username}


def test_who_names_oneself_is_a_member_once(admin_client, admin_user):
    fields = {"memberships-TOTAL_FORMS": "1", "memberships-0-user": admin_user.pk}
    assert members(add_project(admin_client, **fields)) == {admin_user.username}


def test_who_edits_a_project_becomes_no_member(admin_client, move, ada):
    path = reverse("admin:hubproject_project_change", args=[move.pk])
    values = form_values(admin_client.get(path).content.decode(), "project_form")
    assert admin_client.post(path, values).status_code == 302
    assert members(move) == {ada.username}


def test_a_planner_entry_is_the_author_s_unless_the_author_says_whose(admin_client, admin_user):
    path = reverse("admin:hubproject_plannerentry_add")
    values = form_values(admin_client.get(path).content.decode(), "plannerentry_form")
    assert admin_client.post(path, values | {"title": "Call"}).status_code in (200, 302)
    admin_client.post(path, values | {"title": "Call", "date": "2026-01-31"})
    assert PlannerEntry.objects.get().owner == admin_user
