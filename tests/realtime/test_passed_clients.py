"""Which clients have an entry of the log."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from django.urls import NoReverseMatch

from realtime.devices import create_device
from realtime.models import Client
from realtime.passed_clients import passed_clients
from realtime.rights_history import remember
from realtime.watching import HISTORY
from sync.models import SyncLog
from sync.publishing import publish
from tests.realtime.rows import row
from tests.sync.observing import Statements
from tests.testapp.models import Owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(django_user_model):
    user = django_user_model.objects.create(username="ada")
    remember(user, ["everyone"])
    return user


@pytest.fixture
def log():
    """The cursors before, right behind and after the entry, which is the second of three."""
    found = []
    for number in range(3):
        Owner.objects.create(name=str(number))
        found.append(publish().cursor)
    return found


@pytest.fixture
def entry(log):
    return SyncLog.objects.published().order_by("seq")[1]


@pytest.fixture
def ask(admin_user, entry):
    """Ask for the clients of the entry as somebody, else as who may see everything."""

    def ask(user=None):
        request = RequestFactory().get("/")
        request.user = user or admin_user
        return list(passed_clients(request, entry))

    return ask


def here(ada, client_id="laptop", **fields):
    return row(client_id, user_id=str(ada.pk), **fields)


def states(found):
    return {one.client: (one.state, one.has_passed) for one in found}


def test_each_client_is_as_far_as_it_is_known_to_be(ask, ada, log):
    before, at, after = log
    here(ada, "acknowledged", acknowledged=at)
    here(ada, "sent", joined=before, reached=after)
    here(ada, "sent before it came", joined=after, reached=after, caught_up=True)
    here(ada, "came later", joined=after, reached=after)
    here(ada, "stopped", joined=before, reached=after, stopped=before)
    Client.objects.create(client_id="left before", user=ada, acknowledged=before)
    Client.objects.create(client_id="left after", user=ada, acknowledged=after)
    Client.objects.create(client_id="was there", user=ada, joined=before, handed=after)
    assert states(ask()) == {
        "acknowledged": ("acknowledged", True),
        "sent": ("sent, not acknowledged", False),
        "sent before it came": ("sent, not acknowledged", False),
        "came later": ("came later, has not asked for what was before", False),
        "stopped": ("not yet", False),
        "left before": ("has left, will be told when it comes back", False),
        "left after": ("acknowledged", True),
        "was there": ("sent, not acknowledged", False),
    }


def test_those_that_lag_come_first(ask, ada, log):
    before, at, after = log
    here(ada, "quick", acknowledged=after)
    here(ada, "slow", joined=before, reached=before)
    here(ada, "sent", joined=before, reached=at)
    assert [one.client for one in ask()] == ["slow", "sent", "quick"]


def test_who_does_not_hear_of_it_is_left_out(ask, ada, log, django_user_model):
    grace = django_user_model.objects.create(username="grace")
    remember(grace, ["team:1"])
    here(grace, "of another audience")
    here(ada, "of other tables", tables=["testapp_stock"])
    here(ada, "asked for others", asked=["team:1"])
    here(ada, "limited", granted=["team:1"])
    here(ada, "page", asked=[HISTORY])
    here(ada, "silent", silent_for=3600)
    assert ask() == []


def test_a_place_in_another_log_is_none(ask, ada):
    here(ada, acknowledged="0123abcd-99-00000000", reached="0123abcd-99-00000000")
    assert states(ask()) == {"laptop": ("not yet", False)}


def test_what_nobody_is_told_of_no_client_has(ask, ada, entry):
    here(ada)
    entry.event = ""
    assert ask() == []


def test_a_client_is_called_by_its_device_and_leads_to_its_page(ask, ada, admin_client):
    device, _ = create_device(ada, "front desk")
    here(ada, device_id=device.pk)
    Client.objects.create(client_id="phone", user=ada)
    found = {one.client: one for one in ask()}
    assert found.keys() == {"front desk", "phone"}
    assert {one.user for one in found.values()} == {"ada"}
    for one in found.values():
        assert admin_client.get(one.url).status_code == 200


def test_an_admin_site_without_clients_leads_nowhere(ask, ada, monkeypatch):
    def no_page(*args, **kwargs):
        raise NoReverseMatch

    monkeypatch.setattr("realtime.passed_clients.reverse", no_page)
    here(ada)
    assert [one.url for one in ask()] == [""]


@pytest.mark.parametrize(
    ("permissions", "clients"),
    [
        ((), set()),
        (("realtime.view_presence",), {"laptop"}),
        (("realtime.view_client",), {"phone"}),
    ],
)
def test_clients_are_shown_to_who_may_see_them(
    ask, ada, as_staff, django_user_model, permissions, clients
):
    device, _ = create_device(ada, "front desk")
    here(ada, device_id=device.pk)
    Client.objects.create(client_id="phone", user=ada)
    as_staff(*permissions)
    watcher = django_user_model.objects.get(username="watcher")
    assert {one.client for one in ask(watcher)} == clients


def test_many_clients_cost_as_many_queries_as_few(ask, ada, log, django_user_model):
    def cost():
        with Statements() as statements:
            ask()
        return len(statements)

    here(ada, device_id=create_device(ada, "first")[0].pk)
    Client.objects.create(client_id="phone", user=ada)
    once = cost()
    for number in range(20):
        user = django_user_model.objects.create(username=f"user {number}")
        remember(user, ["everyone"])
        here(user, f"laptop {number}", device_id=create_device(user, "more")[0].pk)
        Client.objects.create(client_id=f"phone {number}", user=user)
    assert cost() == once
