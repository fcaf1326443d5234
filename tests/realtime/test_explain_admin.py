"""The page that explains: found from where a client is looked at, for those who may see it all."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from realtime.devices import create_device
from realtime.explain_admin import explain_url
from realtime.models import Client
from realtime.rights_history import remember
from sync.publishing import publish
from tests.realtime.rows import row
from tests.testapp.models import Memo, Team

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the value of a field"

NEEDED = ("realtime.view_client", "sync.view_synclog", "testapp.view_team")


@pytest.fixture
def ada(django_user_model):
    return django_user_model.objects.create(username="ada")


@pytest.fixture
def laptop(ada):
    return Client.objects.create(client_id="laptop-7", user=ada)


@pytest.fixture
def team(laptop):
    team = Team.objects.create(name=SECRET)
    publish()
    return team


def ask(browser, record, name="laptop-7", table="testapp_team"):
    fields = {"client": name, "table": table, "record": getattr(record, "pk", record)}
    return browser.get(reverse("admin:realtime_client_explain"), fields)


def text(answer):
    return html.unescape(answer.content.decode())


def test_the_form_is_prefilled_with_the_client(admin_client, laptop):
    page = text(admin_client.get(explain_url("laptop-7")))
    assert 'value="laptop-7"' in page
    assert "testapp_team" in page
    assert "This field is required" not in page


def test_the_way_of_a_change_is_shown_and_ends_in_a_verdict(as_staff, ada, team):
    remember(ada, ["everyone"])
    page = text(ask(as_staff(*NEEDED), team))
    assert "Change 1: insert" in page
    assert "Not sent yet: the client is not known to have connected." in page
    assert page.index("Recorded") < page.index("Published") < page.index("Held")


def test_no_value_of_a_record_is_shown_or_read(as_staff, team):
    team.name = f"{SECRET} and more"
    team.save()
    publish()
    browser = as_staff(*NEEDED)
    with CaptureQueriesContext(connection) as found:
        answer = ask(browser, team)
    assert "name" in answer.context["explanation"]["changes"][1]["lines"][2]
    assert SECRET not in text(answer)
    assert not [query for query in found if '"sync_log"."data"' in query["sql"]]


@pytest.mark.parametrize("missing", NEEDED[:2])
def test_who_may_not_see_clients_or_the_log_gets_nothing(as_staff, team, missing):
    browser = as_staff(*(name for name in NEEDED if name != missing))
    assert ask(browser, team).status_code == 403


def test_tables_whose_records_may_not_be_seen_are_as_if_they_were_none(as_staff, ada, team):
    memo = Memo.objects.create(team=team, text="hers")
    publish()
    browser = as_staff(*NEEDED)
    hidden, none = (ask(browser, memo, table=name) for name in ("testapp_memo", "testapp_none"))
    assert hidden.context.get("explanation") is none.context.get("explanation") is None
    assert "testapp_memo (" not in text(hidden)
    errors = [str(answer.context["form"].errors["table"]) for answer in (hidden, none)]
    assert errors[0].replace("testapp_memo", "testapp_none") == errors[1]


def test_devices_and_users_that_may_not_be_seen_are_as_if_they_were_none(as_staff, ada, team):
    create_device(ada, "front desk")
    Client.objects.all().delete()
    browser = as_staff(*NEEDED)
    for name in ("front desk", "ada", "nobody"):
        answer = ask(browser, team, name)
        assert answer.context["form"].errors["client"] == ["There is no such client."]


def test_the_name_of_a_device_is_not_shown_to_who_may_not_see_devices(as_staff, ada, team):
    device, _ = create_device(ada, "front desk")
    Client.objects.update(device_id=device.pk)
    assert "front desk" not in text(ask(as_staff(*NEEDED), team))


def test_the_name_of_a_device_is_shown_to_who_may_see_devices(as_staff, ada, team):
    device, _ = create_device(ada, "front desk")
    Client.objects.update(device_id=device.pk)
    browser = as_staff(*NEEDED, "realtime.view_device")
    for name in ("laptop-7", "front desk", device.prefix):
        assert "laptop-7 of ada, device front desk" in text(ask(browser, team, name))


def test_a_client_or_record_that_is_not_known_is_said_at_its_field(admin_client, team):
    errors = ask(admin_client, team, "laptap").context["form"].errors
    assert errors["client"] == ["There is no such client. There is: laptop-7."]
    errors = ask(admin_client, 10**6).context["form"].errors
    assert str(team.pk) in errors["record"][0]
    assert "record" in ask(admin_client, "").context["form"].errors


def test_what_is_asked_for_is_shown_as_text(admin_client, team):
    page = ask(admin_client, team, "<script>alert(1)</script>").content.decode()
    assert "<script>alert(1)" not in page


def test_the_page_runs_nothing_and_styles_nothing_inline(admin_client, team):
    answer = ask(admin_client, team)
    page = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style| style=", page)
    assert not re.search(r"<[^>]*\son[a-z]+=", page)
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]


def test_clients_devices_and_connections_lead_to_it(admin_client, ada, laptop):
    device, _ = create_device(ada, "phone")
    presence = row("laptop-7", user_id=str(ada.pk))
    pages = {
        reverse("admin:realtime_client_change", args=[laptop.pk]): "laptop-7",
        reverse("admin:realtime_device_change", args=[device.pk]): device.prefix,
        reverse("admin:realtime_presence_change", args=[presence.pk]): "laptop-7",
        reverse("admin:realtime_presence_changelist"): "laptop-7",
    }
    for page, name in pages.items():
        assert f'href="{explain_url(name)}"' in admin_client.get(page).content.decode()


def test_who_may_not_see_it_is_not_led_there(as_staff, laptop, ada):
    row("laptop-7", user_id=str(ada.pk))
    browser = as_staff("realtime.view_client", "realtime.view_presence")
    change = reverse("admin:realtime_client_change", args=[laptop.pk])
    for page in (change, reverse("admin:realtime_presence_changelist")):
        answer = browser.get(page)
        assert answer.status_code == 200
        assert explain_url("laptop-7") not in answer.content.decode()


def test_how_far_a_client_came_is_shown_with_it(admin_client, laptop):
    Client.objects.update(acknowledged="0123abcd-7-00000000")
    change = reverse("admin:realtime_client_change", args=[laptop.pk])
    assert "0123abcd-7-00000000" in admin_client.get(change).content.decode()


def test_it_costs_as_many_queries_for_many_changes_as_for_one(admin_client, team):
    def queries():
        with CaptureQueriesContext(connection) as found:
            ask(admin_client, team)
        return len(found)

    one = queries()
    for number in range(10):
        team.name = f"name {number}"
        team.save()
    publish()
    assert queries() == one
    assert one <= 16
