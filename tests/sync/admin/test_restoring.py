"""Restoring in the admin: choose, look, do; by those who may, and with a word why."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from hubproject.models import Project, Task
from sync.admin.permissions import may_view_log
from sync.admin.restoring import links, may_restore
from sync.models import SyncLog
from sync.publishing import publish
from tests.support.admin import form_values
from tests.sync.observing import Statements
from tests.sync.restoring.applied import changed_by_three, entries, last_entry
from tests.testapp.models import Account, Booking, Cascaded, Everything, Nulled, Owner, Stock

pytestmark = pytest.mark.django_db

separately = pytest.mark.django_db(transaction=True)
"""Each write in a transaction of its own, as in life."""

REASON = "a slip of the pen"


@pytest.fixture
def stock():
    return changed_by_three()


@pytest.fixture
def second(stock):
    return entries(stock)[1]


def url_of(entry, page="restore"):
    return reverse(f"admin:sync_synclog_{page}", args=[entry.pk])


def look(client, entry, **chosen):
    return client.post(url_of(entry), {"do": "look", "side": "before"} | chosen)


def apply(client, entry, looked, reason=REASON, **more):
    seen = form_values(looked.content.decode(), "hub-apply")
    return client.post(url_of(entry), seen | {"do": "apply", "reason": reason} | more)


def quantity_and_place():
    return Stock.objects.values_list("quantity", "warehouse").get()


def test_what_suggests_itself_is_ticked_and_conflicts_are_told_in_words(admin_client, second):
    page = admin_client.get(url_of(second)).content.decode()
    assert 'value="warehouse" id="hub-field-warehouse" checked' in page
    assert 'value="quantity" id="hub-field-quantity" aria-describedby' in page
    assert "Changed since" in page and "by alan" in page
    assert "It names the record" in page


def test_nothing_is_written_before_it_was_looked_at(admin_client, second):
    page = look(admin_client, second, field=["warehouse"]).content.decode()
    assert "What would be written" in page
    assert quantity_and_place() == (5, "south")


def test_what_was_looked_at_is_restored_and_the_new_change_shown(admin_client, admin_user, second):
    response = apply(admin_client, second, look(admin_client, second, field=["warehouse"]))
    assert quantity_and_place() == (5, "north")
    entry = SyncLog.objects.order_by("-seq").first()
    assert response.url == reverse("admin:sync_synclog_change", args=[entry.pk])
    told = entry.actor, entry.actor_id, entry.source, entry.reason
    assert told == ("admin", str(admin_user.pk), "admin", REASON)
    assert "1 record is what it was again" in admin_client.get(response.url).content.decode()


def test_the_admins_own_history_tells_of_it(admin_client, admin_user, second):
    apply(admin_client, second, look(admin_client, second, field=["warehouse", "quantity"]))
    [told] = LogEntry.objects.all()
    assert (told.user, told.action_flag) == (admin_user, CHANGE)
    assert told.get_change_message() == "Changed Warehouse and Quantity."


def test_the_choice_is_the_one_that_was_looked_at(admin_client, second):
    looked = look(admin_client, second, field=["warehouse"])
    apply(admin_client, second, looked, field=["quantity"], side="after")
    assert quantity_and_place() == (5, "north")


def test_a_reason_has_to_be_given(admin_client, second):
    response = apply(admin_client, second, look(admin_client, second, field=["quantity"]), " ")
    page = response.content.decode()
    assert 'href="#id_reason"' in page
    assert quantity_and_place() == (5, "south")


def test_what_was_changed_meanwhile_is_shown_anew(admin_client, second):
    looked = look(admin_client, second, field=["quantity"])
    Stock.objects.update(quantity=8)
    response = apply(admin_client, second, looked)
    assert response.status_code == 409
    assert "changed meanwhile" in response.content.decode()
    assert quantity_and_place() == (8, "south")
    apply(admin_client, second, response)
    assert quantity_and_place() == (3, "south")


def test_it_is_done_once_however_often_it_is_sent(admin_client, second):
    looked = look(admin_client, second, field=["quantity"])
    apply(admin_client, second, looked)
    count = SyncLog.objects.count()
    assert apply(admin_client, second, looked).status_code == 409
    assert SyncLog.objects.count() == count


def test_the_token_of_another_user_or_entry_restores_nothing(client, admin_client, stock):
    first, second, _ = entries(stock)
    seen = form_values(look(admin_client, second, field=["quantity"]).content.decode(), "hub-apply")
    User.objects.create_superuser("other")
    client.force_login(User.objects.get(username="other"))
    sent = seen | {"do": "apply", "reason": REASON}
    for asked, entry in ((client, second), (admin_client, first)):
        asked.post(url_of(entry), sent)
        asked.post(url_of(entry), sent | {"seen": "forged"})
    assert quantity_and_place() == (5, "south")


def test_the_token_of_another_page_restores_nothing(admin_client, second):
    undoing = admin_client.get(url_of(second, "undo")).content.decode()
    looked = look(admin_client, second, field=["quantity"]).content.decode()
    of_undo, of_restore = form_values(undoing, "hub-undo"), form_values(looked, "hub-apply")
    agreed = {"do": "apply", "reason": REASON, "count": "1", "sure": "on", "overwrite": "on"}
    for page, seen in (("restore", of_undo), ("undo", of_restore)):
        assert admin_client.post(url_of(second, page), seen | agreed).status_code == 200
    assert quantity_and_place() == (5, "south")


def test_a_request_of_another_site_is_refused(admin_user, second):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert look(strict, second, field=["quantity"]).status_code == 403


def test_validation_is_told_by_field_and_nothing_can_be_applied(admin_client):
    booking = Booking.objects.create(code="a", room="1")
    booking.code = "b"
    booking.save()
    Booking.objects.create(code="a", room="2")
    entry = entries(booking)[1]
    page = look(admin_client, entry, field=["code"]).content.decode()
    assert 'href="#hub-step-0"' in page and 'id="hub-step-0"' in page
    assert "Booking with this Code already exists." in page
    assert 'id="hub-apply"' not in page


def test_what_is_taken_by_another_after_the_look_is_told_by_field(admin_client):
    booking = Booking.objects.create(code="a", room="1")
    Booking.objects.update(code="b")
    entry = entries(booking)[1]
    looked = look(admin_client, entry, field=["code"])
    Booking.objects.create(code="a", room="2")
    response = apply(admin_client, entry, looked)
    assert response.status_code == 409
    assert "Booking with this Code already exists." in response.content.decode()


def test_values_are_shown_as_people_read_them(admin_client, task):
    other = Project.objects.create(name="Second floor")
    Task.objects.update(status="done", project=other)
    page = admin_client.get(url_of(entries(task)[1]) + "?side=after").content.decode()
    for text in ("Done", "Second floor"):
        assert text in page.split('id="hub-choose"')[1]


def test_a_long_value_is_cut_which_is_said(admin_client, sync_settings):
    sync_settings(HISTORY_STATE_LENGTH=5)
    owner = Owner.objects.create(name="Order desks")
    Owner.objects.update(name="b")
    page = admin_client.get(url_of(entries(owner)[0])).content.decode()
    assert "Order<" in page and "… and 6 more characters" in page


def test_values_that_read_the_same_are_shown_as_they_are(admin_client):
    made = Everything.objects.create(moment="2024-05-01T10:00:00.000001Z")
    Everything.objects.update(moment="2024-05-01T10:00:00.000002Z")
    page = admin_client.get(url_of(entries(made)[0])).content.decode()
    assert ">2024-05-01T10:00:00.000001Z<" in page and ">2024-05-01T10:00:00.000002Z<" in page


def test_what_only_writing_finds_out_is_told_too(admin_client, second, monkeypatch):
    def save(self, *args, **kwargs):
        self.warehouse = self.warehouse.upper()
        Model.save(self, *args, **kwargs)

    looked = look(admin_client, second, field=["warehouse"])
    monkeypatch.setattr(Stock, "save", save)
    response = apply(admin_client, second, looked)
    assert "own code sets it" in response.content.decode()
    assert quantity_and_place() == (5, "south")
    assert not LogEntry.objects.exists()


def test_where_there_is_nothing_to_restore_the_page_says_so(admin_client, stock):
    first = entries(stock)[0]
    page = admin_client.get(url_of(first) + "?side=before").content.decode()
    assert "did not exist" in page and "<form" not in page.split('class="hub"')[1]


def test_secrets_are_neither_shown_nor_offered(admin_client):
    account = Account.objects.create(name="a", password="kept-back")
    Account.objects.update(name="b")
    page = admin_client.get(url_of(entries(account)[0])).content.decode()
    assert "kept-back" not in page and 'value="password"' not in page
    assert "kept out of the history" in page


@separately
def test_a_deleted_record_comes_back_with_what_is_chosen(admin_client):
    owner = Owner.objects.create(name="o")
    Cascaded.objects.create(owner=owner, name="c")
    Nulled.objects.create(owner=owner)
    owner.delete()
    entry = last_entry(Owner, "delete")
    page = admin_client.get(url_of(entry)).content.decode()
    assert "The record is gone" in page and "testapp_cascaded.owner_id.went" in page
    looked = look(admin_client, entry, field=["name"], group=["testapp_cascaded.owner_id.went"])
    apply(admin_client, entry, looked)
    assert Cascaded.objects.get().owner == Owner.objects.get()
    assert Nulled.objects.get().owner is None
    assert set(LogEntry.objects.values_list("action_flag", flat=True)) == {ADDITION}


def test_what_a_record_holds_becomes_no_markup(admin_client):
    owner = Owner.objects.create(name="<script>alert(1)</script>")
    Owner.objects.update(name="b")
    entry = entries(owner)[0]
    for response in (
        admin_client.get(url_of(entry)),
        admin_client.post(url_of(entry), {"do": "look", "side": "after", "field": ["name"]}),
    ):
        page = response.content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_the_page_costs_as_many_statements_for_a_long_history(admin_client, second):
    admin_client.get(url_of(second))
    with Statements() as short:
        admin_client.get(url_of(second))
    for number in range(30):
        Stock.objects.update(quantity=100 + number)
    publish()
    with Statements() as long:
        admin_client.get(url_of(second))
    assert len(long) <= len(short)


# Who may


@pytest.fixture
def staff(client):
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    return user


def grant(user, *names):
    for name in names:
        label, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=label, codename=codename)
        )


ALL = ("sync.view_synclog", "sync.restore_synclog", "hubproject.change_task", "hubproject.add_task")


@pytest.fixture
def task():
    task = Task.objects.create(project=Project.objects.create(name="p"), title="Order desks")
    task.title = "Order tables"
    task.save()
    return task


@pytest.mark.parametrize("missing", ALL[:3])
def test_each_permission_is_needed(client, staff, task, missing):
    grant(staff, *(name for name in ALL[:3] if name != missing))
    entry = entries(task)[1]
    assert client.get(url_of(entry)).status_code == 403
    assert look(client, entry, field=["title"]).status_code == 403
    grant(staff, missing)
    assert client.get(url_of(entry)).status_code == 200


def test_who_may_change_restores_fields_and_no_deleted_record(client, staff, task):
    grant(staff, *ALL[:3])
    entry = entries(task)[1]
    apply(client, entry, look(client, entry, field=["title"]))
    assert Task.objects.get().title == "Order desks"
    Task.objects.all().delete()
    entry = last_entry(Task, "delete")
    page = client.get(url_of(entry)).content.decode()
    assert "You may not add tasks." in page and 'name="field"' not in page
    grant(staff, "hubproject.add_task")
    apply(client, entry, look(client, entry, field=["title", "status", "notes", "project_id"]))
    assert Task.objects.get().title == "Order desks"


def test_a_dependency_of_a_kind_that_may_not_be_seen_is_not_named(client, staff, task):
    grant(staff, *ALL)
    Project.objects.all().delete()
    page = client.get(url_of(last_entry(Task, "delete"))).content.decode()
    assert "may not see" in page
    assert "project" not in page.split("Remarks")[0].lower().split("what to restore")[1]


def test_a_field_that_the_admin_shows_read_only_stays(admin_client, task, monkeypatch):
    model_admin = admin.site._registry[Task]
    monkeypatch.setattr(model_admin, "readonly_fields", ["title"])
    entry = entries(task)[1]
    assert 'value="title"' not in admin_client.get(url_of(entry)).content.decode()
    page = look(admin_client, entry, field=["title"]).content.decode()
    assert "title cannot be restored. You may look at this field" in page
    assert 'id="hub-apply"' not in page


def test_a_record_of_others_is_not_restored(admin_client, task, monkeypatch):
    model_admin = admin.site._registry[Task]
    monkeypatch.setattr(type(model_admin), "get_queryset", lambda *args: Task.objects.none())
    page = admin_client.get(url_of(entries(task)[1])).content.decode()
    assert "You may not change tasks" in page


def test_the_admins_own_rule_for_a_record_counts(admin_client, task, monkeypatch):
    def only_others(self, request, obj=None):
        return obj is None or obj.pk != task.pk

    monkeypatch.setattr(type(admin.site._registry[Task]), "has_change_permission", only_others)
    page = admin_client.get(url_of(entries(task)[1])).content.decode()
    assert "You may not change tasks" in page


def test_links_are_for_those_who_may(rf, staff, task, unregister):
    request, log_admin = rf.get("/"), admin.site._registry[SyncLog]
    entry = entries(task)[1]
    request.user = staff
    grant(staff, *ALL[:2])
    assert not list(links(request, log_admin, entry))
    request.user = User.objects.create_superuser("root")
    assert may_view_log(request) and may_restore(request, log_admin, entry)
    assert [link.url for link in links(request, log_admin, entry)] == [
        url_of(entry), url_of(entry, "undo"),
    ]  # fmt: skip
    unregister(Task)
    assert not may_restore(request, log_admin, entry)


def test_an_entry_that_is_not_there_is_not_found(admin_client):
    for page in ("restore", "undo"):
        address = reverse(f"admin:sync_synclog_{page}", args=[987654])
        assert admin_client.get(address).status_code == 404
