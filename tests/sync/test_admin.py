"""The history in the admin: to be read, filtered and searched, and not to be changed."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

import sync
from sync.models import LogHead, SyncLog
from tests.testapp.models import Account, Memo, Owner, Stock

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


def detail(client, entry):
    response = client.get(reverse("admin:sync_synclog_change", args=[entry.pk]))
    assert response.status_code == 200
    return response.content.decode()


def difference_rows(page):
    """Return the rows of the before-and-after table as (field, before, after, is changed)."""
    [table] = re.findall(r'<table class="sync-difference">.*?</table>', page, re.DOTALL)
    row = r"<tr><th[^>]*>(<strong>)?(\w+)(?:</strong>)?</th>\s*<td>(.*?)</td><td>(.*?)</td></tr>"
    found = re.findall(row, table, re.DOTALL)
    return [(name, before, after, bool(strong)) for strong, name, before, after in found]


def test_a_change_shows_its_fields_before_and_after(admin_client, history):
    page = detail(admin_client, SyncLog.objects.get(action="update"))
    assert difference_rows(page) == [
        ("quantity", "3", "4", True),
        ("id", str(history.pk), str(history.pk), False),
        ("sku", "bolt", "bolt", False),
        ("warehouse", "north", "north", False),
    ]


def test_what_came_and_what_went_is_shown_with_nothing_on_the_other_side(admin_client, history):
    made = difference_rows(detail(admin_client, SyncLog.objects.get(action="insert", actor="ada")))
    assert ("sku", "–", "bolt", True) in made
    gone = difference_rows(detail(admin_client, SyncLog.objects.get(action="delete")))
    assert ("name", "Alan", "–", True) in gone


def test_a_change_shows_who_made_it_and_why(admin_client, history):
    page = detail(admin_client, SyncLog.objects.get(actor="ada"))
    for text in ("ada", "stocktaking", "r-1", "c-1", "everyone"):
        assert text in page


def test_what_a_record_holds_is_shown_as_text(admin_client, red):
    Memo.objects.create(team=red, text="<script>alert(1)</script>")
    page = detail(admin_client, SyncLog.objects.get(table="testapp_memo"))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_secret_is_in_no_page_of_the_history(admin_client):
    Account.objects.create(name="a", password="kept-back-1", api_token="kept-back-2")
    page = detail(admin_client, SyncLog.objects.get())
    assert "kept-back" not in page + admin_client.get(LIST).content.decode()


def test_what_was_redacted_is_shown_as_that_with_the_reason(admin_client, history):
    Stock.objects.update(sku="")
    sync.redact(history, ["sku"], reason="<b>asked</b> to be forgotten")
    listed = admin_client.get(LIST).content.decode()
    told = "<em>redacted: &lt;b&gt;asked&lt;/b&gt; to be forgotten</em>"
    made = difference_rows(detail(admin_client, SyncLog.objects.get(actor="ada")))
    assert ("sku", "–", told, True) in made
    redacted = difference_rows(detail(admin_client, SyncLog.objects.get(cause="redacted")))
    assert ("sku", told, told, False) in redacted
    assert "bolt" not in listed + "".join(map(str, made + redacted))


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


def test_the_pages_offer_no_way_to_change_anything(admin_client, history):
    pages = admin_client.get(LIST).content.decode(), detail(admin_client, SyncLog.objects.first())
    for page in pages:
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
    entry = SyncLog.objects.first()
    for url in (LIST, reverse("admin:sync_synclog_change", args=[entry.pk])):
        assert client.get(url).status_code == 403


def test_staff_with_permission_see_the_history(viewer, history):
    assert len(entries_of(viewer.get(LIST))) == 4
    assert "quantity" in detail(viewer, SyncLog.objects.get(action="update"))


def test_who_is_not_logged_in_is_sent_to_the_login(client, history):
    response = client.get(LIST)
    assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/")


def test_the_head_of_the_log_is_not_in_the_admin(admin_client):
    assert LogHead._meta.verbose_name not in admin_client.get("/admin/").content.decode().lower()
