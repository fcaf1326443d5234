"""What the health page says of server processes, clients and announcing."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from realtime import announcer
from realtime.models import Client
from realtime.watching import HISTORY
from sync.models import LogHead
from sync.publishing import publish
from tests.realtime.rows import row
from tests.sync.observing import Statements
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db

HEALTH = reverse("admin:sync_synclog_health")


@pytest.fixture
def cursors():
    """The cursors of a log of three changes, from the one before the first on."""
    found = [publish().cursor]
    for number in range(3):
        Owner.objects.create(name=str(number))
        found.append(publish().cursor)
    return found


def section(response, title):
    return next((one for one in response.context["sections"] if one.title == title), None)


def facts(response, title):
    return {fact.name: (fact.value, fact.note) for fact in section(response, title).facts}


def test_each_process_is_listed_with_its_connections(admin_client):
    for behind in (True, False):
        row(f"laptop {behind}", behind=behind)
    row("phone", relay=uuid.UUID(int=2), silent_for=3600)
    rows = section(admin_client.get(HEALTH), "Server processes").rows
    assert [(one[1], one[2], one[5]) for one in rows] == [
        ("2", "1", "running"),
        ("1", "0", "silent: ended or cut off"),
    ]


def test_the_slowest_clients_are_held_against_the_horizon(admin_client, admin_user, cursors):
    row("quick", acknowledged=cursors[3])
    row("slow", acknowledged=cursors[2])
    row("page", acknowledged=cursors[0], asked=[HISTORY])
    Client.objects.create(client_id="away", user=admin_user, acknowledged=cursors[0])
    Client.objects.create(client_id="slow", user=admin_user, acknowledged=cursors[0])
    LogHead.objects.update(horizon=1)
    found = facts(admin_client.get(HEALTH), "Clients")
    value, note = found["Slowest connected client"]
    assert value.startswith("slow: 1 change, ")
    assert note == "It is 1 change beyond the horizon."
    value, note = found["Slowest client that has left"]
    assert value.startswith("away: 3 changes, ")
    assert note == "It stopped before the horizon and will start anew."


def test_where_nobody_has_come_nobody_is_the_slowest(admin_client, cursors):
    row("unknown", acknowledged="0123abcd-1-00000000")
    found = facts(admin_client.get(HEALTH), "Clients")
    assert {value for value, _ in found.values()} == {"none is known"}


@pytest.mark.parametrize(("fails", "bad"), [(False, []), (True, ["Announced last"])])
def test_a_layer_that_cannot_be_told_stands_out(admin_client, monkeypatch, fails, bad):
    monkeypatch.setattr(announcer, "_rung_at", timezone.now())
    monkeypatch.setattr(announcer, "layer_fails", lambda: fails)
    response = admin_client.get(HEALTH)
    assert [fact.name for fact in response.context["bad"]] == bad


def test_it_leads_to_the_lists_that_somebody_may_see(as_staff):
    browser = as_staff("sync.view_synclog", "realtime.view_presence")
    [link] = section(browser.get(HEALTH), "Clients").links
    assert browser.get(link.url).status_code == 200


def test_who_may_not_see_connections_is_told_of_none(as_staff):
    row("laptop")
    response = as_staff("sync.view_synclog").get(HEALTH)
    assert response.status_code == 200
    assert section(response, "Server processes") is section(response, "Clients") is None
    assert section(response, "Announcing")


def test_it_costs_as_many_statements_for_many_clients_as_for_two(admin_client, admin_user, cursors):
    def cost():
        with Statements() as statements:
            admin_client.get(HEALTH)
        return len(statements)

    row("laptop", acknowledged=cursors[1])
    Client.objects.create(client_id="away", user=admin_user, acknowledged=cursors[0])
    once = cost()
    for number in range(20):
        row(f"laptop-{number}", acknowledged=cursors[number % 4], relay=uuid.uuid4())
        Client.objects.create(
            client_id=f"away-{number}", user=admin_user, acknowledged=cursors[number % 4]
        )
    assert cost() == once
