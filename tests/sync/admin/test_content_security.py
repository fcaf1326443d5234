"""No page of the history needs more than the strictest policy allows, whoever states it."""

from __future__ import annotations

import django
import pytest
from django.conf import settings as django_settings

from hubproject.content_security import POLICY
from tests.support.history_pages import answer_names, path_of
from tests.support.history_story import MARKUP, Story, tell_story
from tests.support.strict_markup import offences

pytestmark = pytest.mark.django_db

OWN, DJANGOS = (
    "hubproject.content_security.ContentSecurityMiddleware",
    ("django.middleware.csp.ContentSecurityPolicyMiddleware"),
)
HOSTS_POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}


@pytest.fixture
def story(admin_user) -> Story:
    return tell_story(admin_user)


@pytest.fixture(params=[OWN] if django.VERSION < (6,) else [OWN, DJANGOS])
def strict(request, settings):
    """State the policy by the host's own middleware, or by Django's where Django has one."""
    others = [name for name in django_settings.MIDDLEWARE if name != OWN]
    settings.MIDDLEWARE = [request.param, *others]
    settings.SECURE_CSP = HOSTS_POLICY


@pytest.mark.parametrize("name", answer_names())
def test_a_page_has_nothing_that_a_strict_policy_refuses(strict, admin_client, story, name):
    response = admin_client.get(path_of(name, story))
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"] == POLICY
    assert offences(response.text) == []


@pytest.mark.parametrize("name", answer_names())
def test_what_a_record_holds_becomes_no_markup(admin_client, story, name):
    assert MARKUP not in admin_client.get(path_of(name, story)).text


@pytest.mark.parametrize(
    ("markup", "offence"),
    [
        ("<script>run()</script>", "inline script"),
        ("<script type=module>run()</script>", "inline script"),
        ("<style>p { color: red }</style>", "inline style"),
        ("<p style='color: red'>", "p has style='color: red'"),
        ("<a onclick='run()'>", "a has onclick='run()'"),
        ("<a href=' JavaScript:run()'>", "a has href=' JavaScript:run()'"),
        ("<script src='//cdn.example.org/a.js'></script>", "script reaches another host:"),
        ("<img src='https://example.org/a.png'>", "img reaches another host:"),
        ("<form action='https://example.org/'>", "form reaches another host:"),
    ],
)
def test_an_offence_is_found(markup, offence):
    [found] = offences(f"<!doctype html>\n{markup}")
    assert offence in found


def test_what_a_strict_policy_allows_is_no_offence():
    page = """<link rel="stylesheet" href="/static/a.css"><script src="/static/a.js"></script>
        <script type="application/json">{"a": 1}</script><img src="data:image/png;base64,AA==">
        <a href="https://example.org/">elsewhere</a>"""
    assert offences(page) == []
