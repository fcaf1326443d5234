"""Old changes are removed after a look at what would go, a bounded part in each request."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse

from sync import retention
from sync.admin import pruning
from sync.admin.pruning import falling_behind
from sync.models import SyncLog
from tests.sync.admin.people import staff
from tests.sync.aging import grow_older, horizon
from tests.sync.observing import published
from tests.sync.paging import owners
from tests.testapp.models import Owner, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

PRUNE = reverse("admin:sync_synclog_prune")
RIGHTS = ("sync.view_synclog", "sync.prune_synclog")


@pytest.fixture
def old_log():
    """Seven entries that are two days old, six of which have no use any more."""
    gone, stays = owners(2)
    gone.delete()
    stays.name = "new"
    stays.save()
    Ticket.objects.create(subject="a").delete()
    Owner.objects.update(name="newer")
    grow_older(days=2)


@pytest.fixture
def short_requests(monkeypatch, sync_settings):
    """Let each request take one step, of two entries."""
    sync_settings(HISTORY_WORK_SECONDS=0, PRUNE_BATCH=2)
    monkeypatch.setattr(retention, "WINDOW", 3)


def look(client, **given):
    return client.post(PRUNE, {"older_than": "1d", "do": "look"} | given)


def go_on(client, page, do):
    return client.post(PRUNE, {"pass": page.context["text"], "do": do})


def text(page):
    return " ".join(page.content.decode().split())


def test_the_form_offers_tables_and_an_age(admin_client):
    page = text(admin_client.get(PRUNE))
    assert 'name="tables" value="testapp_owner"' in page
    assert 'name="older_than"' in page
    assert "for good" not in page


@pytest.mark.usefixtures("old_log")
def test_a_look_counts_by_table_and_removes_nothing(admin_client):
    page = look(admin_client)
    assert page.context["counts"] == [("Owners", 4), ("Tickets", 2)]
    assert "6 changes would be removed." in text(page)
    assert len(published()) == 7
    assert not LogEntry.objects.exists()


@pytest.mark.usefixtures("old_log", "short_requests")
def test_no_two_elements_have_one_id(admin_client):
    ids = re.findall(r' id="([^"]+)"', text(look(admin_client)))
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("old_log")
def test_what_was_looked_at_is_removed_when_that_is_confirmed(admin_client, admin_user):
    page = go_on(admin_client, look(admin_client), "remove")
    assert "6 changes were removed." in text(page)
    assert "Remove more" not in text(page)
    assert (len(published()), horizon()) == (1, 6)
    trace = LogEntry.objects.get()
    assert trace.user == admin_user
    assert trace.get_change_message() == "Removed 6 old changes of all tables, by the age of 1d"


@pytest.mark.usefixtures("old_log")
def test_only_the_chosen_tables_are_pruned(admin_client):
    page = go_on(admin_client, look(admin_client, tables=["testapp_ticket"]), "remove")
    assert page.context["counts"] == [("Tickets", 2)]
    assert not SyncLog.objects.filter(table="testapp_ticket").exists()
    assert len(published()) == 5


@pytest.mark.usefixtures("old_log")
def test_changes_of_a_table_that_syncs_no_longer_go_with_all_the_others(admin_client, unregister):
    unregister(Ticket)
    page = go_on(admin_client, look(admin_client), "remove")
    assert page.context["counts"] == [("Owners", 4), ("testapp_ticket", 2)]


@pytest.mark.usefixtures("old_log")
def test_nothing_is_old_enough(admin_client):
    page = look(admin_client, older_than="3d")
    assert "0 changes would be removed." in text(page)
    assert "for good" not in text(page)


@pytest.mark.usefixtures("old_log")
def test_without_an_age_the_retention_counts(admin_client, register):
    register(Owner, retention=datetime.timedelta(hours=47))
    page = look(admin_client, older_than="", tables=["testapp_owner"])
    assert page.context["counts"] == [("Owners", 4)]


@pytest.mark.parametrize("tables", [[], ["testapp_owner", "testapp_ticket"]])
def test_where_nothing_says_how_long_to_keep_an_age_is_asked_for(admin_client, tables):
    page = look(admin_client, older_than="", tables=tables)
    assert "Nothing says how long to keep the changes of" in text(page)
    assert page.context["found"] is None


@pytest.mark.parametrize("age", ["90", "1.5d", "-1d", "1y", "d", "9" * 19 + "d", "=1+1"])
def test_an_age_that_is_none_is_told(admin_client, age):
    page = look(admin_client, older_than=age)
    assert "Give a number and a unit" in text(page)


def test_a_table_that_is_none_is_told(admin_client):
    assert look(admin_client, tables=["nothing"]).context["form"].errors.keys() == {"tables"}


@pytest.mark.usefixtures("old_log", "short_requests")
def test_a_look_that_takes_too_long_says_how_far_it_came_and_goes_on(admin_client):
    page = look(admin_client)
    assert "At least 2 changes would be removed. 28% of the log was looked through." in text(page)
    seen = [page.context["found"].percent]
    while not page.context["found"].is_done:
        page = go_on(admin_client, page, "look")
        seen.append(page.context["found"].percent)
    assert seen == sorted(seen) and seen[-1] == 100 and len(seen) > 2
    assert "6 changes would be removed." in text(page)
    assert len(published()) == 7


@pytest.mark.usefixtures("old_log", "short_requests")
def test_a_removal_that_takes_too_long_asks_whether_to_go_on(admin_client):
    page = go_on(admin_client, look(admin_client), "remove")
    assert "2 changes were removed." in text(page) and "Remove more" in text(page)
    assert len(published()) == 5
    seen = [page.context["found"].percent]
    while not page.context["found"].is_done:
        page = go_on(admin_client, page, "remove")
        seen.append(page.context["found"].percent)
    assert seen == sorted(seen) and seen[-1] == 100
    assert "6 changes were removed." in text(page)
    assert len(published()) == 1
    told = [one.get_change_message().split()[1] for one in LogEntry.objects.order_by("pk")]
    assert sum(map(int, told)) == 6


@pytest.mark.usefixtures("old_log", "short_requests")
def test_a_removal_that_others_have_done_meanwhile_comes_to_its_end(admin_client):
    page = go_on(admin_client, look(admin_client), "remove")
    list(retention.prune(older_than=datetime.timedelta(days=1)))
    page = go_on(admin_client, page, "remove")
    for _ in range(5):
        if page.context["found"].is_done:
            break
        page = go_on(admin_client, page, "remove")
    assert page.context["found"].is_done


@pytest.mark.usefixtures("short_requests")
def test_what_stays_is_passed_once_and_not_again_by_each_request(admin_client):
    owners(12)
    grow_older(days=2)
    page = look(admin_client)
    positions = [page.context["found"].position]
    while not page.context["found"].is_done:
        page = go_on(admin_client, page, "look")
        positions.append(page.context["found"].position)
    assert positions == [3, 6, 9, 12]


@pytest.mark.usefixtures("old_log")
def test_it_works_where_a_host_wraps_requests_in_transactions(admin_client, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    go_on(admin_client, look(admin_client), "remove")
    assert len(published()) == 1


@pytest.mark.usefixtures("old_log")
def test_who_starts_anew_is_named(admin_client, monkeypatch):
    asked = []
    monkeypatch.setattr(pruning, "falling_behind", [lambda at: asked.append(at) or ["<b>tablet"]])
    page = look(admin_client)
    assert asked == [6]
    assert "<li>&lt;b&gt;tablet</li>" in text(page)
    assert falling_behind == []


@pytest.mark.usefixtures("old_log")
@pytest.mark.parametrize("token", ["", "x", "eyJhIjoxfQ:1:x"])
def test_a_page_that_was_tampered_with_removes_nothing(admin_client, token):
    page = admin_client.post(PRUNE, {"pass": token, "do": "remove"})
    assert "The page is out of date" in text(page)
    assert len(published()) == 7


@pytest.mark.usefixtures("old_log")
def test_the_look_of_somebody_else_cannot_be_confirmed(admin_client, client):
    page = look(admin_client)
    client.force_login(staff(*RIGHTS))
    assert "The page is out of date" in text(go_on(client, page, "remove"))
    assert len(published()) == 7


@pytest.mark.usefixtures("old_log")
def test_staff_prune_the_tables_that_they_may_see_and_have_to_choose(client):
    client.force_login(staff(*RIGHTS, "testapp.view_ticket"))
    assert look(client).context["form"].errors.keys() == {"tables"}
    assert look(client, tables=["testapp_owner"]).context["form"].errors.keys() == {"tables"}
    page = go_on(client, look(client, tables=["testapp_ticket"]), "remove")
    assert page.context["counts"] == [("Tickets", 2)]


@pytest.mark.usefixtures("old_log")
def test_a_right_that_is_taken_away_meanwhile_counts(client):
    user = staff(*RIGHTS, "testapp.view_ticket")
    client.force_login(user)
    page = look(client, tables=["testapp_ticket"])
    user.user_permissions.remove(user.user_permissions.get(codename="view_ticket"))
    assert go_on(client, page, "remove").status_code == 403
    assert len(published()) == 7


@pytest.mark.parametrize("rights", [(), RIGHTS[:1], RIGHTS[1:]])
def test_it_needs_a_right_of_its_own_beside_that_to_see_the_history(client, rights):
    client.force_login(staff(*rights))
    assert client.get(PRUNE).status_code == look(client).status_code == 403


@pytest.mark.usefixtures("old_log")
def test_a_page_of_another_site_cannot_prune(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert look(client).status_code == 403
