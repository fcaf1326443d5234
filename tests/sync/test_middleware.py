"""A request explains the changes made while it is answered."""

from __future__ import annotations

import asyncio
import io
import sys

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import FileResponse, HttpResponse
from django.test import AsyncClient, RequestFactory
from django.urls import resolve, reverse

import sync
from hubproject.models import Project
from sync.context import Context, _process_source, current, entered
from sync.middleware import ContextMiddleware
from sync.models import SyncLog
from tests.sync.observing import recorded
from tests.testapp.models import Owner

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.sync.urls")]


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


def entry_of(change):
    with recorded() as entries:
        change()
    [entry] = entries
    return entry


def make_owner():
    Owner.objects.create(name="a")


@pytest.fixture
def late():
    return User.objects.create_user("late")


@pytest.mark.parametrize(
    ("argv", "source"),
    [
        (["manage.py", "shell"], "shell"),
        (["/srv/app/manage.py", "shell_plus"], "shell"),
        (["manage.py", "loaddata", "x"], "fixture"),
        (["manage.py", "import_tasks"], "command"),
        (["django-admin", "migrate"], "command"),
        (["/usr/lib/python3/django/__main__.py", "migrate"], "command"),
        (["manage.py"], "task"),
        (["/usr/bin/celery", "worker"], "task"),
        (["/usr/lib/python3/celery/__main__.py", "worker"], "task"),
        ([], "task"),
    ],
)
def test_without_a_request_the_process_is_the_source(monkeypatch, argv, source):
    monkeypatch.setattr(sys, "argv", argv)
    assert _process_source.__wrapped__() == source


@pytest.mark.parametrize("path", ["/change/", "/async-change/"])
def test_a_request_explains_its_changes(client, ada, path):
    client.force_login(ada)
    headers = {"x-client-id": "phone-1", "x-request-id": "r-7"}
    entry = entry_of(lambda: client.post(path, headers=headers))
    assert (entry.actor_id, entry.actor, entry.source) == (str(ada.pk), "ada", "request")
    assert (entry.client_id, entry.request_id) == ("phone-1", "r-7")


@pytest.mark.parametrize("path", ["/change/", "/async-change/"])
def test_a_request_explains_its_changes_in_an_async_server(ada, path):
    async def post():
        client = AsyncClient()
        await client.aforce_login(ada)
        headers = {"x-client-id": "phone-1", "x-request-id": "r-7"}
        assert (await client.post(path, headers=headers)).status_code == 200

    entry = entry_of(async_to_sync(post))
    assert (entry.actor, entry.source) == ("ada", "request")
    assert (entry.client_id, entry.request_id) == ("phone-1", "r-7")


@pytest.mark.parametrize("path", ["/late/", "/async-late/"])
def test_a_user_that_is_known_only_inside_the_view_is_the_actor(client, late, path):
    entry = entry_of(lambda: client.post(path))
    assert (entry.actor_id, entry.actor) == (str(late.pk), "late")


@pytest.mark.parametrize("path", ["/late/", "/async-late/"])
def test_an_async_server_knows_a_late_user_too(late, path):
    assert entry_of(lambda: async_to_sync(AsyncClient().post)(path)).actor == "late"


def test_what_is_written_while_a_response_streams_is_explained(client, ada):
    client.force_login(ada)
    with recorded() as entries:
        response = client.post("/stream/", headers={"x-request-id": "r-7"})
        assert entries == [] and not Owner.objects.exists()
        assert b"".join(response.streaming_content) == b"ab"
        make_owner()
    explained = [(entry.actor, entry.source, entry.request_id) for entry in entries]
    assert explained == [("ada", "request", "r-7")] * 2 + [("", "task", "")]


def test_what_is_written_while_an_async_response_streams_is_explained(ada):
    async def post():
        client = AsyncClient()
        await client.aforce_login(ada)
        response = await client.post("/async-stream/", headers={"x-request-id": "r-7"})
        return b"".join([part async for part in response.streaming_content])

    with recorded() as entries:
        assert async_to_sync(post)() == b"ab"
    explained = [(entry.actor, entry.source, entry.request_id) for entry in entries]
    assert explained == [("ada", "request", "r-7")] * 2


def test_a_file_is_sent_as_it_is():
    response = FileResponse(io.BytesIO(b"text"))
    to_stream = response.file_to_stream
    assert ContextMiddleware(lambda request: response)(RequestFactory().get("/")) is response
    assert response.file_to_stream is to_stream is not None
    response.close()


def test_an_anonymous_request_has_no_actor_but_an_id(client):
    one, other = (entry_of(lambda: client.post("/change/")) for _ in range(2))
    assert (one.actor_id, one.actor, one.source) == ("", "", "request")
    assert len(one.request_id) == 32
    assert one.request_id != other.request_id


@pytest.mark.parametrize("header", ["a b", "a" * 65, "<script>", "é", "a\tb"])
def test_a_header_that_is_no_plain_id_is_not_stored(client, header):
    headers = {"x-client-id": header, "x-request-id": header}
    entry = entry_of(lambda: client.post("/change/", headers=headers))
    assert entry.client_id == ""
    assert len(entry.request_id) == 32


def test_a_change_in_the_admin_says_so(admin_client, admin_user):
    form = {
        "name": "Move",
        **{
            f"{rows}-{key}_FORMS": "0"
            for rows in ("memberships", "tasks")
            for key in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")
        },
    }
    response = admin_client.post(reverse("admin:hubproject_project_add"), form)
    assert response.status_code == 302
    entry = SyncLog.objects.get(table=Project._meta.db_table)
    assert (entry.source, entry.actor, entry.action) == ("admin", admin_user.username, "insert")


def test_a_context_inside_a_request_keeps_its_user(client, ada, monkeypatch):
    request = RequestFactory().post("/change/")
    request.user = ada

    def view(request):
        with sync.context(reason="inside", source="task"):
            make_owner()
        return HttpResponse()

    entry = entry_of(lambda: ContextMiddleware(view)(request))
    assert (entry.actor, entry.reason, entry.source) == ("ada", "inside", "task")


def test_requests_that_are_answered_at_the_same_time_keep_apart():
    started = asyncio.Event()
    seen = {}

    async def view(request):
        if request.path == "/first/":
            await started.wait()
        else:
            started.set()
        seen[request.path] = current().request
        return HttpResponse()

    async def both():
        middleware = ContextMiddleware(view)
        await asyncio.gather(*map(middleware, requests))
        return current().request

    requests = [RequestFactory().get(path) for path in ("/first/", "/second/")]
    assert asyncio.run(both()) is None
    assert seen == {request.path: request for request in requests}


def test_the_source_of_a_request_is_read_from_the_view_that_answers_it():
    request = RequestFactory().get("/admin/")
    context = Context(request=request)
    assert context.where() == "request"
    request.resolver_match = resolve("/admin/")
    with entered(context):
        assert current().where() == "admin"
