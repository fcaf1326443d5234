"""Above the feed stand the tools that somebody may use, made ready for what it shows."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from sync.admin.searching import Search
from sync.admin.tools import redact_url, tools
from sync.models import SyncLog
from tests.sync.admin.people import staff

pytestmark = pytest.mark.django_db

BASE = "/admin/sync/synclog/"


def links(query="", *rights):
    request = RequestFactory().get(BASE)
    request.user = staff(*(f"sync.{right}_synclog" for right in rights))
    return tools(request, log_admin(), Search.parse(QueryDict(query)))


def log_admin():
    return admin.site.get_model_admin(SyncLog)


def test_who_may_do_everything_finds_each_tool_for_what_is_shown():
    found = links("table=testapp_stock&record=1", "view", "export", "prune", "redact")
    assert [(tool.text, tool.url.removeprefix(BASE)) for tool in found] == [
        ("Export as CSV", "export/?table=testapp_stock&record=1&format=csv"),
        ("Export as NDJSON", "export/?table=testapp_stock&record=1&format=ndjson"),
        ("Remove old changes", "prune/"),
        ("Remove values…", "redact/?table=testapp_stock&record=1"),
    ]


@pytest.mark.parametrize(
    ("rights", "count"),
    [
        (["view"], 0),
        (["view", "export"], 2),
        (["view", "prune"], 1),
        (["view", "redact"], 1),
        (["export", "prune", "redact"], 0),
    ],
)
def test_a_tool_is_for_who_has_its_right_and_sees_the_history(rights, count):
    assert len(links("", *rights)) == count


def test_a_form_to_remove_values_is_told_the_record_and_the_fields():
    url = redact_url(log_admin(), "testapp_seat", '["a",1]', "guest", "room")
    assert (
        url == f"{BASE}redact/?table=testapp_seat&record=%5B%22a%22%2C1%5D&field=guest&field=room"
    )


def test_the_links_are_a_list_of_the_admin_and_nothing_where_there_are_none():
    page = render_to_string("admin/sync/tools.html", {"tools": links("q=%22%3E", "view", "export")})
    assert page.count("<li>") == 2 and '<ul class="hub-bar hub-tools">' in page
    assert 'href="/admin/sync/synclog/export/?q=%22%3E&amp;format=csv"' in page
    assert render_to_string("admin/sync/tools.html", {"tools": []}).strip() == ""
