"""Devices in the admin: made, limited, rotated, paired, revoked; secrets are shown once."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from realtime.device_grants import device_of_token
from realtime.devices import create_device
from realtime.errors import BadToken
from realtime.models import Device, Notice
from realtime.pairing import pair_device, redeem

pytestmark = pytest.mark.django_db

CODE = re.compile(r"code of [\w ]+ is ([0-9A-Z]{4}-[0-9A-Z]{4})")
TOKEN = re.compile(r"hub_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
DEVICES = "admin:realtime_device_changelist"


def create(admin_client, user, name="laptop", **fields):
    form = {"name": name, "user": user.pk} | fields
    return admin_client.post(reverse("admin:realtime_device_add"), form, follow=True)


def act(client, action, *devices):
    form = {"action": action, "_selected_action": [device.pk for device in devices]}
    return client.post(reverse(DEVICES), form, follow=True)


def change(client, device, **fields):
    path = reverse("admin:realtime_device_change", args=[device.pk])
    return client.post(path, {"name": device.name} | fields, follow=True)


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
    act(admin_client, "revoke", device)
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
    assert "Revoked" in act(admin_client, "revoke", lost).content.decode()
    with pytest.raises(BadToken):
        device_of_token(lost_token)
    assert device_of_token(kept_token).name == "kept"


def test_who_may_only_look_at_devices_cannot_revoke_them(client, django_user_model, admin_user):
    device, token = create_device(admin_user, "laptop")
    watcher = django_user_model.objects.create(username="watcher", is_staff=True)
    watcher.user_permissions.add(Permission.objects.get(codename="view_device"))
    client.force_login(watcher)
    assert client.get(reverse(DEVICES)).status_code == 200
    act(client, "revoke", device)
    assert device_of_token(token) == device


def test_devices_are_found_by_name_prefix_and_user(admin_client, admin_user):
    device, _ = create_device(admin_user, "laptop")
    create_device(admin_user, "phone")
    for word, found in {"laptop": 1, device.prefix: 1, admin_user.username: 2, "nobody": 0}.items():
        page = admin_client.get(reverse(DEVICES), {"q": word})
        assert page.context["cl"].result_count == found


def test_a_device_is_limited_where_it_is_made(admin_client, admin_user):
    create(
        admin_client,
        admin_user,
        audiences=" team:1 \r\n\r\nteam:2\r\nteam:1",
        expires_at_0="2090-01-31",
        expires_at_1="18:00:00",
        platform="windows",
    )
    device = Device.objects.get()
    assert device.audiences == ["team:1", "team:2"]
    assert device.expires_at == datetime.datetime(2090, 1, 31, 18, tzinfo=datetime.UTC)
    assert device.platform == "windows"


def test_an_audience_that_cannot_be_one_is_an_error_of_the_form(admin_client, admin_user):
    answer = create(admin_client, admin_user, audiences="a" * 256)
    assert "An audience has 1 to 255 characters" in answer.content.decode()
    assert not Device.objects.exists()


def test_the_audiences_of_a_device_are_shown_one_a_line(admin_client, admin_user):
    device, _ = create_device(admin_user, "laptop", audiences=["team:1", "team:2"])
    path = reverse("admin:realtime_device_change", args=[device.pk])
    assert ">\nteam:1\nteam:2</textarea>" in admin_client.get(path).content.decode()
    change(admin_client, device, audiences="team:2")
    assert Device.objects.get().audiences == ["team:2"]


def test_a_device_stays_with_its_user(admin_client, admin_user, django_user_model):
    device, _ = create_device(admin_user, "laptop")
    change(admin_client, device, user=django_user_model.objects.create(username="grace").pk)
    assert Device.objects.get().user == admin_user


def told():
    found = set(Notice.objects.values_list("user_id", flat=True))
    Notice.objects.all().delete()
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at_0": "2090-01-31", "expires_at_1": "18:00:00"},
        {"audiences": "team:1"},
    ],
)
def test_connections_are_looked_at_when_their_device_is_limited(admin_client, admin_user, fields):
    device, _ = create_device(admin_user, "laptop")
    told()
    change(admin_client, device, **fields)
    assert told() == {str(admin_user.pk)}


def test_connections_are_looked_at_when_their_user_is_deactivated(
    admin_client, admin_user, django_user_model
):
    grace = django_user_model.objects.create(username="grace", password="!")
    told()
    path = reverse("admin:auth_user_change", args=[grace.pk])
    form = {"username": "grace", "date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}
    admin_client.post(path, form)
    assert not django_user_model.objects.get(pk=grace.pk).is_active
    assert told() == {str(grace.pk)}


def test_deleting_devices_ends_their_tokens(admin_client, admin_user):
    device, token = create_device(admin_user, "laptop")
    told()
    form = {"action": "delete_selected", "_selected_action": [device.pk], "post": "yes"}
    admin_client.post(reverse(DEVICES), form)
    with pytest.raises(BadToken):
        device_of_token(token)
    assert told() == {str(admin_user.pk)}


def test_a_new_token_is_shown_once_and_the_former_one_works_on(admin_client, admin_user):
    device, former = create_device(admin_user, "laptop")
    answer = act(admin_client, "rotate", device)
    [token] = TOKEN.findall(answer.content.decode())
    assert token != former
    assert device_of_token(token) == device_of_token(former) == device
    assert not TOKEN.search(admin_client.get(reverse(DEVICES)).content.decode())


def test_a_pairing_code_is_shown_once(admin_client, admin_user):
    device, _ = create_device(admin_user, "laptop")
    [code] = CODE.findall(act(admin_client, "pair", device).content.decode())
    assert device_of_token(redeem(code, "192.0.2.7")) == device
    assert not CODE.search(admin_client.get(reverse(DEVICES)).content.decode())


@pytest.mark.parametrize("action", ["rotate", "pair"])
def test_a_revoked_device_gets_nothing_new_and_the_others_do(admin_client, admin_user, action):
    lost, _ = create_device(admin_user, "Lost phone")
    kept, _ = create_device(admin_user, "kept phone")
    act(admin_client, "revoke", lost)
    page = act(admin_client, action, lost, kept).content.decode()
    assert "Lost phone was revoked" in page
    assert len(TOKEN.findall(page) + CODE.findall(page)) == 1


@pytest.mark.parametrize("action", ["rotate", "pair"])
def test_who_may_only_look_at_devices_is_shown_no_secret(
    client, django_user_model, admin_user, action
):
    device, token = create_device(admin_user, "laptop")
    watcher = django_user_model.objects.create(username="watcher", is_staff=True)
    watcher.user_permissions.add(Permission.objects.get(codename="view_device"))
    client.force_login(watcher)
    page = act(client, action, device).content.decode()
    assert not TOKEN.search(page)
    assert not CODE.search(page)
    assert device_of_token(token) == device


def test_the_list_says_what_each_device_is_good_for(admin_client, admin_user):
    pair_device(admin_user, "tablet")
    create_device(admin_user, "laptop")
    act(admin_client, "revoke", create_device(admin_user, "lost")[0])
    Device.objects.filter(pk=create_device(admin_user, "old")[0].pk).update(
        expires_at=timezone.now()
    )
    page = admin_client.get(reverse(DEVICES)).content.decode()
    states = re.findall(r'<td class="field-state">([^<]+)</td>', page)
    assert sorted(states) == ["active", "expired", "not paired yet", "revoked"]
