"""The page of the hub's health: who may see it, what it says, and what it costs."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse

from sync import health, uncaptured
from sync.admin.health_sections import SECTIONS, Fact, Section
from sync.models import SyncLog, log_maintenance
from sync.publishing import publish
from tests.sync.observing import Statements, pending
from tests.testapp.models import Owner, Stock

pytestmark = pytest.mark.django_db

HEALTH = reverse("admin:sync_synclog_health")


@pytest.fixture
def watcher(client, django_user_model):
    """A member of the staff who may see the history of owners."""
    user = django_user_model.objects.create(username="watcher", is_staff=True)
    names = ("view_synclog", "view_owner")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


@pytest.fixture
def changes():
    Owner.objects.create(name="Ada")
    Stock.objects.create(sku="bolt", warehouse="north", quantity=3)
    publish()


def section(response, title):
    return next(one for one in response.context["sections"] if one.title == title)


def test_who_may_not_see_the_history_sees_nothing(client, django_user_model):
    client.force_login(django_user_model.objects.create(username="other", is_staff=True))
    assert client.get(HEALTH).status_code == 403


def test_it_says_where_the_log_is_and_what_waits(admin_client, changes):
    pending("7", uuid.uuid4())
    response = admin_client.get(HEALTH)
    facts = {fact.name: fact.value for fact in section(response, "Log").facts}
    assert facts["Position"] == "2"
    assert facts["Not published yet"] == "1"
    assert SyncLog.objects.pending().count() == 1


def test_of_tables_only_those_are_named_that_somebody_may_see(watcher, changes, monkeypatch):
    counts = {("testapp_owner", "UPDATE"): 3, ("testapp_stock", "DELETE"): 4}
    found = {key: uncaptured.Count(1, rows) for key, rows in counts.items()}
    monkeypatch.setattr("sync.admin.health_of_log.uncaptured", lambda: found)
    response = watcher.get(HEALTH)
    assert [row[0] for row in section(response, "Changes per minute").rows] == ["testapp_owner"]
    written = section(response, "Writes past the log").rows
    assert written == [("testapp_owner", "UPDATE", "1", "3")]
    assert "testapp_stock" not in response.content.decode()


def test_a_change_that_waits_for_too_long_stands_out(admin_client):
    assert "Nothing stands out." in admin_client.get(HEALTH).content.decode()
    entry = pending("7", uuid.uuid4())
    with log_maintenance():
        earlier = entry.recorded_at - datetime.timedelta(hours=1)
        SyncLog.objects.filter(pk=entry.pk).update(recorded_at=earlier)
    response = admin_client.get(HEALTH)
    assert [fact.name for fact in response.context["bad"]] == ["Not published yet"]
    assert "Somebody should look after this:" in response.content.decode()


def test_other_apps_add_what_they_know(admin_client, monkeypatch):
    def mine(request, site):
        yield Section("Mine", [Fact("Fuel", "<low>", "Buy some.", is_bad=True)])

    monkeypatch.setattr("sync.admin.health.SECTIONS", [*SECTIONS, mine])
    page = admin_client.get(HEALTH).content.decode()
    assert "Mine" in page
    assert "&lt;low&gt;" in page
    assert "<low>" not in page


def test_it_costs_as_many_statements_for_many_changes_as_for_none(admin_client):
    def cost():
        with Statements() as statements:
            assert admin_client.get(HEALTH).status_code == 200
        return len(statements)

    Owner.objects.create(name="first")
    publish()
    admin_client.get(HEALTH)
    once = cost()
    for number in range(20):
        Owner.objects.create(name=str(number))
    publish()
    for number in range(5):
        pending(str(number), uuid.uuid4())
    assert cost() == once


def test_no_statement_looks_at_more_than_a_part_of_the_log(admin_client, changes, monkeypatch):
    """Whatever reads entries names how many, or from which number on."""
    monkeypatch.setattr(health, "SAMPLE", 1)
    with Statements() as statements:
        admin_client.get(HEALTH)
    table = connection.ops.quote_name("sync_log")
    reads = [sql for sql in statements.sql if f"FROM {table}" in sql]
    assert len(reads) == 3
    assert [sql for sql in reads if "LIMIT" not in sql and "> 1 AND" not in sql] == []
