"""The hub speaks the language that a browser asks for, where it has it."""

from __future__ import annotations

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("asked", "spoken", "title"),
    [
        ("de-AT,de;q=0.9", "de", "Änderungen"),
        ("fr", "fr", "Modifications"),
        ("es,fr;q=0.5", "fr", "Modifications"),
        ("es", "en", "Changes"),
    ],
)
def test_the_history_follows_the_browser(admin_client, asked, spoken, title):
    page = admin_client.get(
        reverse("admin:sync_synclog_changelist"), headers={"accept-language": asked}
    )
    assert page.headers["Content-Language"] == spoken
    assert f"<h1>{title}</h1>" in page.content.decode()


def test_the_planner_is_english_throughout(client):
    page = client.get(reverse("login"), headers={"accept-language": "de"}).content.decode()
    assert '<html lang="en">' in page
    assert "Password:" in page
