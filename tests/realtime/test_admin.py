"""The admin: clients and connections are looked at."""

from __future__ import annotations

import datetime
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from realtime.models import Client, Presence
from sync.models import LogHead

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(admin_user):
    client = Client.objects.create(client_id="laptop-1", user=admin_user)
    presence = Presence.objects.create(
        relay="8b2d2d1e-6f3c-4f6e-9d57-0d8f4f1d2b11", client_id="laptop-1", user_id=admin_user.pk
    )
    return {"client": client, "presence": presence}


@pytest.mark.parametrize("name", ["client", "presence"])
def test_what_the_hub_keeps_for_itself_can_be_looked_at_but_not_written(admin_client, rows, name):
    changelist = reverse(f"admin:realtime_{name}_changelist")
    row = reverse(f"admin:realtime_{name}_change", args=[rows[name].pk])
    assert "laptop-1" in admin_client.get(changelist).content.decode()
    assert admin_client.get(row).status_code == 200
    assert admin_client.post(row, {"client_id": "other"}).status_code == 403
    assert admin_client.get(reverse(f"admin:realtime_{name}_add")).status_code == 403
    rows[name].refresh_from_db()
    assert rows[name].client_id == "laptop-1"


def test_deleting_a_client_frees_its_id(admin_client, rows):
    path = reverse("admin:realtime_client_delete", args=[rows["client"].pk])
    admin_client.post(path, {"post": "yes"})
    assert not Client.objects.exists()


def test_a_connection_cannot_be_deleted_as_if_that_closed_it(admin_client, rows):
    path = reverse("admin:realtime_presence_delete", args=[rows["presence"].pk])
    assert admin_client.post(path, {"post": "yes"}).status_code == 403
    assert Presence.objects.exists()


def test_a_connection_shows_its_program_and_how_far_it_has_come(admin_client, rows):
    head = LogHead.objects.get_or_create(pk=LogHead.SINGLETON)[0]
    LogHead.objects.update(seq=1000)
    acknowledged = f"{head.epoch}-958-00000000"
    Presence.objects.update(app_version="2.4.1", platform="linux", acknowledged=acknowledged)
    changelist = reverse("admin:realtime_presence_changelist")
    row = reverse("admin:realtime_presence_change", args=[rows["presence"].pk])
    for page in (changelist, row):
        content = admin_client.get(page).content.decode()
        assert "2.4.1" in content
        assert "linux" in content
        assert re.search(r">\s*42\s*<", content)


def test_the_list_of_connections_costs_no_query_per_row(admin_client, rows):
    def queries():
        with CaptureQueriesContext(connection) as found:
            admin_client.get(reverse("admin:realtime_presence_changelist"))
        return len(found)

    one = queries()
    for number in range(20):
        Presence.objects.create(relay=uuid.uuid4(), client_id=f"phone-{number}", user_id="1")
    assert queries() == one


def test_the_connections_of_a_silent_process_are_not_listed(admin_client, rows, settings):
    settings.REALTIME = {"PRESENCE_TIMEOUT": 60}
    Presence.objects.update(seen_at=timezone.now() - datetime.timedelta(seconds=61))
    page = admin_client.get(reverse("admin:realtime_presence_changelist"))
    assert page.context["cl"].result_count == 0


def test_a_filter_names_the_value_that_is_empty(admin_client, rows):
    other = {"relay": rows["presence"].relay, "user_id": rows["presence"].user_id}
    Presence.objects.create(client_id="laptop-2", app_version="2.4.1", **other)
    changelist = reverse("admin:realtime_presence_changelist")
    found = admin_client.get(changelist).context["cl"]
    [versions] = [one for one in found.filter_specs if one.field_path == "app_version"]
    choices = {choice["display"]: choice["query_string"] for choice in versions.choices(found)}
    assert list(choices) == ["All", "-", "2.4.1"]
    [row] = admin_client.get(changelist + choices["-"]).context["cl"].result_list
    assert row.client_id == "laptop-1"


@pytest.mark.parametrize("name", ["client", "presence"])
def test_the_lists_can_be_searched(admin_client, rows, name):
    changelist = reverse(f"admin:realtime_{name}_changelist")
    for word, found in {"laptop-1": 1, "nothing": 0}.items():
        assert admin_client.get(changelist, {"q": word}).context["cl"].result_count == found
