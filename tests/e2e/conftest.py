"""Fixtures of whole scenarios: a planner with data, a client that hears all of it, and a person who
edits it in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubproject.models import Project, Task
from tests.support.admin import AdminSession
from tests.support.hub import Hub

USERNAME, PASSWORD = "editor", "only for tests"

LogIn = Callable[[Hub], AdminSession]


@pytest.fixture
def log_in(transactional_db: None, django_user_model: Any) -> LogIn:
    """Log a person into the admin of a hub."""
    django_user_model.objects.create_superuser(USERNAME, password=PASSWORD)
    return lambda hub: AdminSession(hub.http_url).log_in(USERNAME, PASSWORD)


@pytest.fixture
def token(make_token: Callable[..., str], django_user_model: Any) -> str:
    """The token of a device of staff, who hear every project that is there when they join."""
    django_user_model.objects.create_user("ada", is_staff=True)
    return make_token("ada")


@pytest.fixture
def project(transactional_db: None) -> Project:
    return Project.objects.create(name="Move")


@pytest.fixture
def tasks(project: Project) -> list[Task]:
    """Three tasks to change."""
    titles = ("Sign the lease", "Order desks", "Tell the post office")
    return [Task.objects.create(project=project, title=title) for title in titles]
