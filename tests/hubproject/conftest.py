"""The people of the planner: ada and bob with a project each, and grace of the staff."""

from __future__ import annotations

import pytest

from hubproject.models import Project


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def bob(django_user_model):
    return django_user_model.objects.create_user("bob")


@pytest.fixture
def grace(django_user_model):
    return django_user_model.objects.create_user("grace", is_staff=True)


def project_of(user, name):
    project = Project.objects.create(name=name)
    project.memberships.create(user=user)
    return project


@pytest.fixture
def move(ada):
    """The project of ada."""
    return project_of(ada, "Move")


@pytest.fixture
def release(bob):
    """The project of bob."""
    return project_of(bob, "Release")
