"""The history in the admin: to be read, filtered and searched, and not to be changed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

import sync
from sync.models import LogHead, SyncLog
from tests.testapp.models import Account, Owner, Stock

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sync_synclog_changelist")


@pytest.fixture
def history():
    """Make the changes of two records, by somebody and for a reason."""
    with sync.context(actor="ada", request_id="r-1", client_id="c-1", reason="stocktaking"):
        stock = Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    with sync.context(actor="grace", source="command"):
        stock.quantity = 4
        stock.save()
        Owner.objects.create(name="Alan").delete()
    return stock


def entries_of(response):
    assert response.status_code == 200
    return [(entry.table, entry.action) for entry in response.context["page"].entries]


def test_a_secret_is_not_in_the_list(admin_client):
    Account.objects.create(name="a", password="kept-back-1", api_token="kept-back-2")
    assert "kept-back" not in admin_client.get(LIST).content.decode()


def test_what_was_redacted_is_listed_as_that(admin_client, history):
    Stock.objects.update(sku="")
    sync.redact(history, ["sku"], reason="asked")
    listed = admin_client.get(LIST).content.decode()
    assert "redacted" in listed
    assert "bolt" not in listed


@pytest.mark.parametrize("user", ["admin_client", "viewer"])
def test_nothing_can_be_added_changed_or_deleted(request, history, user):
    client = request.getfixturevalue(user)
    entry = SyncLog.objects.first()
    before = list(SyncLog.objects.values("pk", "data", "reason"))
    change = reverse("admin:sync_synclog_change", args=[entry.pk])
    forbidden = [
        client.get(reverse("admin:sync_synclog_add")),
        client.post(reverse("admin:sync_synclog_add"), {"data": "{}"}),
        client.post(change, {"reason": "forged", "data": "{}"}),
        client.get(reverse("admin:sync_synclog_delete", args=[entry.pk])),
        client.post(reverse("admin:sync_synclog_delete", args=[entry.pk]), {"post": "yes"}),
    ]
    assert [response.status_code for response in forbidden] == [403] * 5
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert list(SyncLog.objects.values("pk", "data", "reason")) == before


def test_the_list_offers_no_way_to_change_anything(admin_client, history):
    page = admin_client.get(LIST).content.decode()
    for way in ("delete_selected", 'name="_save"', "deletelink", "synclog/add/"):
        assert way not in page


@pytest.fixture
def staff(client):
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def viewer(client, staff):
    names = ("view_synclog", "view_stock", "view_owner")
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    return client


def test_staff_see_the_history_only_with_permission(client, staff, history):
    assert client.get(LIST).status_code == 403


def test_staff_with_permission_see_the_history(viewer, history):
    assert len(entries_of(viewer.get(LIST))) == 4


def test_who_is_not_logged_in_is_sent_to_the_login(client, history):
    response = client.get(LIST)
    assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/")


def test_the_head_of_the_log_is_not_in_the_admin(admin_client):
    assert LogHead._meta.verbose_name not in admin_client.get("/admin/").content.decode().lower()
