"""The admin: devices are made and revoked there, clients and connections are looked at."""

from __future__ import annotations

import datetime
import re
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from realtime.device_grants import device_of_token
from realtime.devices import create_device
from realtime.errors import BadToken
from realtime.models import Client, Device, Presence
from sync.models import LogHead

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r"hub_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
DEVICES = "admin:realtime_device_changelist"


def create(admin_client, user, name="laptop"):
    form = {"name": name, "user": user.pk}
    return admin_client.post(reverse("admin:realtime_device_add"), form, follow=True)


def revoke(client, *devices):
    form = {"action": "revoke", "_selected_action": [device.pk for device in devices]}
    return client.post(reverse(DEVICES), form, follow=True)


def test_a_new_device_shows_its_token_once(admin_client, admin_user):
    answer = create(admin_client, admin_user)
    tokens = set(TOKEN.findall(answer.content.decode()))
    assert len(tokens) == 1
    device = device_of_token(tokens.pop())
    assert (device.name, device.user) == ("laptop", admin_user)
    change = reverse("admin:realtime_device_change", args=[device.pk])
    for page in (reverse(DEVICES), change):
        assert not TOKEN.search(admin_client.get(page).content.decode())


def test_the_token_is_in_no_log_and_no_page_shows_the_hash(admin_client, admin_user):
    answer = create(admin_client, admin_user)
    device = Device.objects.get()
    token = TOKEN.search(answer.content.decode())[0]
    entry = LogEntry.objects.get()
    assert token not in f"{entry.object_repr}{entry.change_message}"
    change = reverse("admin:realtime_device_change", args=[device.pk])
    assert device.token_hash not in admin_client.get(change).content.decode()


def test_the_name_of_a_device_is_shown_as_text(admin_client, admin_user):
    answer = create(admin_client, admin_user, "<script>alert(1)</script>").content.decode()
    assert "<script>alert(1)" not in answer
    assert "&lt;script&gt;" in answer


def test_renaming_a_device_keeps_its_token(admin_client, admin_user):
    device, token = create_device(admin_user, "laptop")
    form = {"name": "front desk", "user": admin_user.pk}
    change = reverse("admin:realtime_device_change", args=[device.pk])
    answer = admin_client.post(change, form, follow=True)
    assert not TOKEN.search(answer.content.decode())
    assert device_of_token(token).name == "front desk"


def test_the_admin_cannot_set_a_token_or_take_back_a_revocation(admin_client, admin_user):
    device, token = create_device(admin_user, "laptop")
    revoke(admin_client, device)
    form = {
        "name": "laptop",
        "user": admin_user.pk,
        "prefix": "00000000",
        "token_hash": "0" * 64,
        "revoked_at_0": "",
        "revoked_at_1": "",
        "revoked_at": "",
    }
    admin_client.post(reverse("admin:realtime_device_change", args=[device.pk]), form)
    after = Device.objects.get()
    assert (after.prefix, after.token_hash) == (device.prefix, device.token_hash)
    assert after.revoked_at is not None


def test_the_revoke_action_makes_the_selected_tokens_useless(admin_client, admin_user):
    lost, lost_token = create_device(admin_user, "lost")
    _, kept_token = create_device(admin_user, "kept")
    assert "Revoked" in revoke(admin_client, lost).content.decode()
    with pytest.raises(BadToken):
        device_of_token(lost_token)
    assert device_of_token(kept_token).name == "kept"


def test_who_may_only_look_at_devices_cannot_revoke_them(client, django_user_model, admin_user):
    device, token = create_device(admin_user, "laptop")
    watcher = django_user_model.objects.create(username="watcher", is_staff=True)
    watcher.user_permissions.add(Permission.objects.get(codename="view_device"))
    client.force_login(watcher)
    assert client.get(reverse(DEVICES)).status_code == 200
    revoke(client, device)
    assert device_of_token(token) == device


def test_devices_are_found_by_name_prefix_and_user(admin_client, admin_user):
    device, _ = create_device(admin_user, "laptop")
    create_device(admin_user, "phone")
    for word, found in {"laptop": 1, device.prefix: 1, admin_user.username: 2, "nobody": 0}.items():
        page = admin_client.get(reverse(DEVICES), {"q": word})
        assert page.context["cl"].result_count == found


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


@pytest.mark.parametrize("name", ["client", "presence"])
def test_the_lists_can_be_searched(admin_client, rows, name):
    changelist = reverse(f"admin:realtime_{name}_changelist")
    for word, found in {"laptop-1": 1, "nothing": 0}.items():
        assert admin_client.get(changelist, {"q": word}).context["cl"].result_count == found
