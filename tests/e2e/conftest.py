"""Fixtures of whole scenarios: a planner with data, a client that hears all of it, and a person who
edits it in the admin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from django.contrib.auth.models import User
from django.test import TransactionTestCase

from hubproject.models import Project, Task
from tests.support.admin import AdminSession
from tests.support.emptying import empty_quickly, lasting_rows
from tests.support.history_pages import page_names, path_of
from tests.support.history_story import tell_story
from tests.support.hub import Hub
from tests.support.watched_page import AdminBrowser, admin_browser, session_of

USERNAME, PASSWORD = "editor", "only for tests"

LogIn = Callable[[Hub], AdminSession]


class Told(NamedTuple):
    """A history to look at: where its pages are, and the session of somebody who may see them."""

    paths: dict[str, str]
    session: str


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


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: Any) -> Iterator[Told]:
    """A history, told once for all tests of a module. They are marked as transactional: within a
    transaction of a test's own the hub could write nothing on SQLite."""
    with django_db_blocker.unblock(), lasting_rows():
        user = User.objects.create_superuser("grace")
        story = tell_story(user)
        yield Told({name: path_of(name, story) for name in page_names()}, session_of(user))
    with django_db_blocker.unblock():
        empty_quickly(TransactionTestCase)


@pytest.fixture(scope="module")
def paths(told: Told) -> dict[str, str]:
    """Where each page of the history shows what was told, by the end of its URL name."""
    return told.paths


@pytest.fixture(scope="module")
def hub_options() -> dict[str, Any]:
    """The arguments of the hub that serves a module; to be replaced there."""
    return {}


@pytest.fixture(scope="module")
def standing_hub(
    told: Told, hub_options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """A hub that serves all tests of a module that are about what was told."""
    with Hub(tmp_path_factory.mktemp("hub") / "hub.log", **hub_options) as hub:
        yield hub
        complaint = hub.complaint()
    assert not complaint, complaint


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(browser: str, standing_hub: Hub, told: Told) -> AsyncIterator[AdminBrowser]:
    """A browser in the admin of that hub, for tests that run on their module's event loop."""
    async with admin_browser(browser, standing_hub.http_url, told.session) as admin:
        yield admin
